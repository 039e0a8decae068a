{{/* The objects that a stack consists of. */}}
{{- define "compose-operator.childRules" -}}
# Created and patched by server-side apply, watched for drift, deleted when they left the document.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [k8s.cni.cncf.io]
  resources: [network-attachment-definitions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
# Claims hold data: none is ever deleted.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
# Generated Secrets and those that stacks name.
- apiGroups: [""]
  resources: [secrets]
  {{- if .Values.watchSecrets }}
  verbs: [get, list, watch, create, patch, delete]
  {{- else }}
  # By name only: neither list nor watch.
  verbs: [get, create, patch, delete]
  {{- end }}
# Which pods were started and why they do not become ready; which of them still use an old ConfigMap.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [replicasets, controllerrevisions]
  verbs: [list]
{{- end }}

{{/* What the operator needs where its stacks are. */}}
{{- define "compose-operator.rules" -}}
# The stacks, and what the operator says of them. It never writes a stack's spec, labels or annotations.
- apiGroups: [compose-operator.dev]
  resources: [composestacks]
  verbs: [list, watch]
- apiGroups: [compose-operator.dev]
  resources: [composestacks/status]
  verbs: [patch]
{{ include "compose-operator.childRules" . }}
# The Pod Security level that a namespace enforces.
- apiGroups: [""]
  resources: [namespaces]
  {{- if .Values.watchNamespaces }}
  verbs: [get]
  {{- else }}
  verbs: [get, list]
  {{- end }}
{{- if .Values.identity.impersonate }}
# Stacks that name a ServiceAccount are reconciled as it.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [impersonate]
{{- end }}
{{- if .Values.vulnerabilityReports }}
# What Trivy Operator found in images, for the status of stacks.
- apiGroups: [aquasecurity.github.io]
  resources: [vulnerabilityreports]
  verbs: [list, watch]
{{- end }}
# What happened, for `kubectl describe`; repeated events are counted by a patch.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
