{{- define "drillgate.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "drillgate.selector" -}}
app.kubernetes.io/name: drillgate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "drillgate.labels" -}}
{{ include "drillgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "drillgate.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "drillgate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: name the account, or let the chart make one" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The subject of every binding. */}}
{{- define "drillgate.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "drillgate.serviceAccount" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "drillgate.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}
