{{- define "compose-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 54 characters leave room for the longest suffix, -deployer. */}}
{{- define "compose-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- $name := include "compose-operator.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 54 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 54 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "compose-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "compose-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "compose-operator.labels" -}}
{{ include "compose-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "compose-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "compose-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "compose-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* A pass that runs ends within its time; the rest is for the Leases and the last traces. */}}
{{- define "compose-operator.grace" -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds }}
{{- add .Values.reconcileTimeout 15 }}
{{- else }}
{{- int64 .Values.terminationGracePeriodSeconds }}
{{- end }}
{{- end }}

{{/* The arguments of the program: every flag of `compose-operator run` has a value. */}}
{{- define "compose-operator.args" -}}
- run
- {{ printf "--log-level=%s" .Values.logging.level | quote }}
- --log-format={{ .Values.logging.format }}
{{- with .Values.tracing.otlpEndpoint }}
- {{ printf "--otlp-endpoint=%s" . | quote }}
{{- end }}
- --namespace={{ .Release.Namespace }}
- --listen=[::]:{{ .Values.metrics.port }}
- --concurrency={{ .Values.concurrency }}
- --reconcile-timeout={{ .Values.reconcileTimeout }}
- --network-policy-enforced={{ get (dict "true" "yes" "false" "no" "unknown" "unknown") (toString .Values.networkPolicyEnforced) }}
{{- if .Values.seedVolumes }}
- {{ printf "--operator-image=%s" (include "compose-operator.image" .) | quote }}
{{- end }}
- --image-configs={{ ternary "on" "off" .Values.imageConfigs }}
- --vulnerability-reports={{ ternary "on" "off" .Values.vulnerabilityReports }}
{{- with .Values.watchNamespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- if .Values.leaderElection }}
- --leader-elect
{{- if gt (int .Values.shards) 1 }}
- --shards={{ .Values.shards }}
{{- end }}
{{- else if gt (int .Values.shards) 1 }}
{{- fail "shards: operators have to elect the one that acts for each shard: set leaderElection to true" }}
{{- else if gt (int .Values.replicas) 1 }}
{{- fail "replicas: several operators have to elect the one that acts: set leaderElection to true" }}
{{- end }}
{{- if .Values.watchSecrets }}
- --watch-secrets
{{- end }}
{{- with .Values.identity }}
{{- with .defaultServiceAccount }}
- --default-service-account={{ . }}
{{- end }}
{{- if .requireServiceAccount }}
- --require-service-account
{{- end }}
{{- end }}
{{- if ne .Values.clusterDomain "cluster.local" }}
- --cluster-domain={{ .Values.clusterDomain }}
{{- end }}
{{- range $driver, $class := .Values.volumeDrivers }}
- {{ printf "--volume-driver=%s=%s" $driver $class | quote }}
{{- end }}
{{- with .Values.dnsPeers }}
- {{ printf "--dns-peers=%s" (toJson .) | quote }}
{{- end }}
{{- with .Values.policy }}
{{- range .hostPaths }}
- {{ printf "--allow-host-path=%s" . | quote }}
{{- end }}
{{- if .privileged }}
- --allow-privileged
{{- end }}
{{- if .hostNamespaces }}
- --allow-host-namespaces
{{- end }}
{{- range .capabilities }}
- {{ printf "--allow-capability=%s" . | quote }}
{{- end }}
{{- if .hostPorts }}
- --allow-host-ports
{{- end }}
{{- if .loadBalancers }}
- --allow-load-balancers
{{- end }}
{{- if .nodePorts }}
- --allow-node-ports
{{- end }}
{{- range .registries }}
- {{ printf "--allow-registry=%s" . | quote }}
{{- end }}
{{- range .serviceAccounts }}
- {{ printf "--allow-service-account=%s" . | quote }}
{{- end }}
{{- range .networks }}
- {{ printf "--allow-network=%s" . | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}
