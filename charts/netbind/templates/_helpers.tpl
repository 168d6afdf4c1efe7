{{/* Labels of an object. Takes the root and the name of the component. */}}
{{- define "netbind.labels" -}}
app: netbind-{{ .component }}
app.kubernetes.io/name: netbind
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* A selector is not to change from one release to the next: it is one label. */}}
{{- define "netbind.selector" -}}
app: netbind-{{ .component }}
{{- end }}

{{/* Labels of a pod: without those that change with each version of the chart, or every update would replace it. */}}
{{- define "netbind.podLabels" -}}
app: netbind-{{ .component }}
app.kubernetes.io/name: netbind
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* An image without its digest: what a NetworkBinding's fallback is looked up by. Takes the values and those of the image. */}}
{{- define "netbind.imageName" -}}
{{- with .Values.global.imageRegistry }}{{ . }}/{{ end }}{{ .image.repository }}{{ with .image.tag }}:{{ . }}{{ end }}
{{- end }}

{{/* An image as a container names it. Takes the same. */}}
{{- define "netbind.image" -}}
{{- include "netbind.imageName" . }}{{ with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* This release's sidecars' images by the names of their bindings, as the controller's option --images reads them. */}}
{{- define "netbind.imageTable" -}}
{{- $table := dict }}
{{- range $name, $image := omit .Values.images "controller" "agent" }}
{{- $entry := dict "image" (include "netbind.imageName" (dict "Values" $.Values "image" $image)) }}
{{- with $image.digest }}{{ $_ := set $entry "digest" . }}{{ end }}
{{- $_ := set $table $name $entry }}
{{- end }}
{{- toJson $table }}
{{- end }}

{{/* What values cannot be installed, a line each, where the schema cannot see it. */}}
{{- define "netbind.problems" -}}
{{- range $name, $image := .Values.images }}
{{- if not (or $image.digest $image.tag) }}
images.{{ $name }}: neither digest nor tag is set. Give the values that "npm run images" writes: -f dist/images/values.json
{{- end }}
{{- end }}
{{- if ge (int .Values.controller.podDisruptionBudget.minAvailable) (int .Values.controller.replicas) }}
controller.podDisruptionBudget.minAvailable: {{ .Values.controller.podDisruptionBudget.minAvailable }} of {{ .Values.controller.replicas }} replicas would let no node be drained. Set it below controller.replicas, or 0
{{- end }}
{{- with (lookup "v1" "Namespace" "" .Release.Namespace) }}
{{- $enforced := dig "labels" "pod-security.kubernetes.io/enforce" "privileged" .metadata }}
{{- if ne $enforced "privileged" }}
namespace {{ $.Release.Namespace }}: it enforces the Pod Security Standard "{{ $enforced }}", and the node agent is privileged. Run: kubectl label --overwrite namespace {{ $.Release.Namespace }} pod-security.kubernetes.io/enforce=privileged
{{- end }}
{{- end }}
{{- end }}
