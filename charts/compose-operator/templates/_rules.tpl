{{/* What acting for a stack takes, as the operator itself or as the stack's ServiceAccount. */}}
{{- define "compose-operator.childRules" -}}
# The objects that a stack consists of: created and patched by server-side apply, deleted when they left the document.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [get, create, patch, delete]
- apiGroups: [""]
  resources: [services, configmaps]
  verbs: [get, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [get, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, create, patch, delete]
- apiGroups: [k8s.cni.cncf.io]
  resources: [network-attachment-definitions]
  verbs: [get, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, create, patch, delete]
# Claims hold data: none is ever deleted.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, create, patch]
# Generated Secrets and those that stacks name: by name only, neither list nor watch.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, delete]
# Which of them may still use an old ConfigMap, and what a workload was before.
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [apps]
  resources: [replicasets, controllerrevisions]
  verbs: [list]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [list]
{{- end }}

{{/* What the operator's own watches take, whoever acts for a stack. */}}
{{- define "compose-operator.watchRules" -}}
# Objects of stacks are watched for drift, and ConfigMaps and claims that stacks name for their changes.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [list, watch]
- apiGroups: [batch]
  resources: [jobs, cronjobs]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [services, configmaps, persistentvolumeclaims]
  verbs: [list, watch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [list, watch]
- apiGroups: [k8s.cni.cncf.io]
  resources: [network-attachment-definitions]
  verbs: [list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
{{- if .Values.watchSecrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
{{- end }}
# Which pods were started and why they do not become ready.
- apiGroups: [""]
  resources: [pods]
  verbs: [watch]
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
{{ include "compose-operator.watchRules" . }}
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
