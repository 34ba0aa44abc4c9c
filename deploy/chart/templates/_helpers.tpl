{{- define "trainyard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "trainyard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "trainyard.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "trainyard.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* A ClusterRole has no namespace, so two releases of one name must not meet in it. */}}
{{- define "trainyard.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "trainyard.fullname" .) -}}
{{- end -}}

{{- define "trainyard.selector" -}}
app.kubernetes.io/name: {{ include "trainyard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "trainyard.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "trainyard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "trainyard.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "trainyard.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Exactly one way to tell who calls. */}}
{{- define "trainyard.checked" -}}
{{- $oauth := .Values.auth.oauth -}}
{{- if and .Values.auth.existingSecret $oauth.issuer -}}
{{- fail "auth.existingSecret and auth.oauth.issuer are both set: choose one" -}}
{{- end -}}
{{- if not (or .Values.auth.existingSecret $oauth.issuer) -}}
{{- fail "nobody could call: set auth.existingSecret to a Secret with the key `token`, or auth.oauth.issuer" -}}
{{- end -}}
{{- if and $oauth.issuer (not $oauth.resource) -}}
{{- fail "auth.oauth.issuer needs auth.oauth.resource: the address that its tokens are made for" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) .Values.sessions -}}
{{- fail "more than one replica needs sessions: false" -}}
{{- end -}}
{{- end -}}
