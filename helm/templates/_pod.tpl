{{/* One variable whose value comes from a Secret. Takes (dict "name" … "secret" … "key" …). */}}
{{- define "headgate.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{/* What every process needs to reach the database. */}}
{{- define "headgate.databaseEnv" -}}
{{- with .Values.secrets -}}
{{ include "headgate.secretEnv" (dict "name" "HEADGATE_DATABASE_URL" "secret" .databaseUrl.existingSecret "key" .databaseUrl.key) }}
{{ include "headgate.secretEnv" (dict "name" "HEADGATE_SECRET_KEY" "secret" .secretKey.existingSecret "key" .secretKey.key) }}
{{- end }}
- name: HEADGATE_LOG_LEVEL
  value: {{ .Values.config.logLevel | quote }}
{{- end -}}

{{- define "headgate.bootstrapEnv" -}}
{{- with .Values.secrets.bootstrapAdmin -}}
{{- if and .existingSecret .apiKeyKey }}
{{ include "headgate.secretEnv" (dict "name" "HEADGATE_ADMIN_KEY" "secret" .existingSecret "key" .apiKeyKey) }}
{{- end }}
{{- if and .existingSecret .emailKey }}
{{ include "headgate.secretEnv" (dict "name" "HEADGATE_ADMIN_EMAIL" "secret" .existingSecret "key" .emailKey) }}
{{- end }}
{{- if and .existingSecret .passwordKey }}
{{ include "headgate.secretEnv" (dict "name" "HEADGATE_ADMIN_PASSWORD" "secret" .existingSecret "key" .passwordKey) }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Who signs in to the console, and how. */}}
{{- define "headgate.signInEnv" -}}
{{- with .Values.config.oidc }}{{- if .issuer }}
- name: HEADGATE_OIDC_ISSUER
  value: {{ .issuer | quote }}
- name: HEADGATE_OIDC_CLIENT_ID
  value: {{ .clientId | quote }}
- name: HEADGATE_OIDC_SCOPES
  value: {{ .scopes | quote }}
- name: HEADGATE_OIDC_GROUPS_CLAIM
  value: {{ .groupsClaim | quote }}
{{- with .roles }}
- name: HEADGATE_OIDC_ROLES
  value: {{ toJson . | quote }}
{{- end }}
{{- with .adminGroups }}
- name: HEADGATE_OIDC_ADMIN_GROUPS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .domains }}
- name: HEADGATE_OIDC_DOMAINS
  value: {{ join "," . | quote }}
{{- end }}
{{- with $.Values.secrets.oidcClientSecret }}{{- if .existingSecret }}
{{ include "headgate.secretEnv" (dict "name" "HEADGATE_OIDC_CLIENT_SECRET" "secret" .existingSecret "key" .key) }}
{{- end }}{{- end }}
- name: HEADGATE_PASSWORD_SIGN_IN
  value: {{ $.Values.config.passwordSignIn | quote }}
{{- end }}{{- end }}
{{- end -}}

{{/* The whole environment of a serving process. Takes (dict "root" $ "component" "web"). */}}
{{- define "headgate.serveEnv" -}}
- name: HEADGATE_ROLE
  value: {{ .component }}
- name: HEADGATE_HOST
  value: {{ .root.Values.config.host | quote }}
- name: HEADGATE_PORT
  value: "8080"
- name: HEADGATE_TICK_SECONDS
  value: {{ .root.Values.config.tickSeconds | quote }}
- name: HEADGATE_OUTBOUND_PRIVATE
  value: {{ .root.Values.config.outboundPrivate | quote }}
{{- with .root.Values.config.publicUrl }}
- name: HEADGATE_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{ include "headgate.databaseEnv" .root }}
{{- if eq .component "web" }}
{{- include "headgate.bootstrapEnv" .root }}
{{- include "headgate.signInEnv" .root }}
{{- end }}
{{- end -}}

{{/*
The part of a pod that is the same for all. Service links are off, because Kubernetes would otherwise put a variable
HEADGATE_PORT=tcp://… of its own into every pod beside a Service called "headgate".
Takes (dict "root" $ "account" … "pod" .Values.web).
*/}}
{{- define "headgate.podBase" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- with .root.Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The part of a container that is the same for all. Takes (dict "root" $ "resources" … "env" …). */}}
{{- define "headgate.containerBase" -}}
image: {{ include "headgate.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.containerSecurityContext | nindent 2 }}
env:
  {{- .env | nindent 2 }}
  {{- with .root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "headgate.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
{{ toYaml .numbers }}
{{- end -}}

{{- define "headgate.topologySpread" -}}
{{- $selector := include "headgate.selectorLabels" . -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $selector | nindent 6 }}
{{- end }}
{{- end -}}

{{/* The Deployment of a serving role. Takes (dict "root" $ "component" "web" "fixedReplicas" true). */}}
{{- define "headgate.deployment" -}}
{{- include "headgate.refuse" .root -}}
{{- $pod := index .root.Values .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "headgate.fullname" .root }}-{{ .component }}
  labels:
    {{- include "headgate.labels" . | nindent 4 }}
spec:
  {{- if .fixedReplicas }}
  replicas: {{ $pod.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "headgate.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "headgate.labels" . | nindent 8 }}
        {{- with $pod.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $pod.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "headgate.podBase" (dict "root" .root "account" (include "headgate.serviceAccountName" .root) "pod" $pod) | nindent 6 }}
      terminationGracePeriodSeconds: {{ $pod.terminationGracePeriodSeconds }}
      topologySpreadConstraints:
        {{- with $pod.topologySpreadConstraints }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        {{- include "headgate.topologySpread" . | trim | nindent 8 }}
        {{- end }}
      containers:
        - name: {{ .component }}
          args:
            - serve
          {{- include "headgate.containerBase" (dict "root" .root "resources" $pod.resources "env" (include "headgate.serveEnv" .)) | nindent 10 }}
          ports:
            - name: http
              containerPort: 8080
              protocol: TCP
          {{- with $pod.preStopSleepSeconds }}
          lifecycle:
            preStop:
              exec:
                command:
                  - sleep
                  - {{ . | quote }}
          {{- end }}
          {{- with .root.Values.probes }}
          startupProbe:
            {{- include "headgate.probe" (dict "path" "/livez" "numbers" .startup) | nindent 12 }}
          livenessProbe:
            {{- include "headgate.probe" (dict "path" "/livez" "numbers" .liveness) | nindent 12 }}
          readinessProbe:
            {{- include "headgate.probe" (dict "path" "/readyz" "numbers" .readiness) | nindent 12 }}
          {{- end }}
{{- end -}}
