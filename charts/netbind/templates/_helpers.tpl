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
{{- if or $image.tag $image.digest }}
{{- $entry := dict "image" (include "netbind.imageName" (dict "Values" $.Values "image" $image)) }}
{{- with $image.digest }}{{ $_ := set $entry "digest" . }}{{ end }}
{{- $_ := set $table $name $entry }}
{{- end }}
{{- end }}
{{- toJson $table }}
{{- end }}

{{/* The NetworkBindings of the plugins that are enabled: their specs by name. */}}
{{- define "netbind.bindings" -}}
{{- $specs := dict }}
{{- range $name, $plugin := .Values.plugins }}
{{- if $plugin.enabled }}
{{- $spec := dict "fallback" $plugin.fallback }}
{{- range $field := list "image" "registration" "grants" }}
{{- with get $plugin $field }}{{ $_ := set $spec $field . }}{{ end }}
{{- end }}
{{- $_ := set $specs $name $spec }}
{{- end }}
{{- end }}
{{- range $name, $binding := .Values.thirdParty }}
{{- $spec := dict "fallback" "Never" "image" $binding.image }}
{{- range $field := list "registration" "grants" }}
{{- with get $binding $field }}{{ $_ := set $spec $field . }}{{ end }}
{{- end }}
{{- $_ := set $specs $name $spec }}
{{- end }}
{{- toJson $specs }}
{{- end }}

{{/* A third-party binding's process, up to its securityContext, which goes on. Takes the binding's values. */}}
{{- define "netbind.planner" -}}
image: {{ .image }}
args: [binding, /run/netbind-binding/binding.sock]
{{- with .resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The annotations of an object of a hook. It is deleted once all of the hook succeeded; a test, whatever came of it. */}}
{{- define "netbind.hook" -}}
helm.sh/hook: {{ .hook }}
helm.sh/hook-weight: {{ .weight | quote }}
# What a command says is why helm fails, and what a test has found.
helm.sh/hook-output-log-policy: hook-failed{{ if eq .hook "test" }},hook-succeeded{{ end }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded{{ if eq .hook "test" }},hook-failed{{ end }}
{{- end }}

{{/* The pod of a hook: a command of the controller's program, to its end. Takes the root, arguments, and volumes. */}}
{{- define "netbind.hookPod" -}}
{{- $root := .root }}
serviceAccountName: netbind-controller
restartPolicy: Never
{{- with $root.Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.controller.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.controller.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  seccompProfile: { type: RuntimeDefault }
containers:
  - name: {{ .name }}
    image: {{ include "netbind.image" (dict "Values" $root.Values "image" $root.Values.images.controller) }}
    args:
      {{- toYaml .args | nindent 6 }}
      - --namespace={{ $root.Release.Namespace }}
      - --kubevirt-namespace={{ $root.Values.kubevirt.namespace }}
    resources:
      requests: { cpu: 10m, memory: 80Mi }
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    {{- with .mounts }}
    volumeMounts: {{- toYaml . | nindent 6 }}
    {{- end }}
{{- with .volumes }}
volumes: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What values cannot be installed, a line each, where the schema cannot see it. */}}
{{- define "netbind.problems" -}}
{{- range $name, $image := .Values.images }}
{{- $plugin := get $.Values.plugins $name | default (dict "enabled" true "fallback" "Always") }}
{{- $serves := or (eq $plugin.fallback "Always") (and (eq $plugin.fallback "SlirpOnly") (eq $name "slirp")) }}
{{- if and $plugin.enabled (not $plugin.image) $serves (not (or $image.digest $image.tag)) }}
images.{{ $name }}: neither digest nor tag is set. Give the values that "npm run images" writes: -f dist/images/values.json
{{- end }}
{{- end }}
{{- if ge (int .Values.controller.podDisruptionBudget.minAvailable) (int .Values.controller.replicas) }}
controller.podDisruptionBudget.minAvailable: {{ .Values.controller.podDisruptionBudget.minAvailable }} of {{ .Values.controller.replicas }} replicas would let no node be drained. Set it below controller.replicas, or 0
{{- end }}
{{- with (lookup "v1" "Namespace" "" .Release.Namespace) }}
{{- $enforced := dig "labels" "pod-security.kubernetes.io/enforce" "privileged" .metadata }}
{{- if ne $enforced "privileged" }}
namespace {{ $.Release.Namespace }}: it enforces the Pod Security Standard "{{ $enforced }}", and the node agent has capabilities and directories of its node. Run: kubectl label --overwrite namespace {{ $.Release.Namespace }} pod-security.kubernetes.io/enforce=privileged
{{- end }}
{{- end }}
{{- end }}
