{{/*
Refuses values that cannot work together, all reasons at once. The schema refuses what is wrong by itself; here are
the values that are missing or contradict one another.
*/}}
{{- define "headgate.refuse" -}}
{{- $reasons := list -}}
{{- $v := .Values -}}
{{- if not $v.image.repository -}}
{{- $reasons = append $reasons "image.repository is empty: name the image you built from the Dockerfile and pushed" -}}
{{- end -}}
{{- if not $v.secrets.databaseUrl.existingSecret -}}
{{- $reasons = append $reasons "secrets.databaseUrl.existingSecret is empty: name the Secret that holds the PostgreSQL address" -}}
{{- end -}}
{{- if not $v.secrets.secretKey.existingSecret -}}
{{- $reasons = append $reasons "secrets.secretKey.existingSecret is empty: name the Secret that holds at least 32 random characters" -}}
{{- end -}}
{{- with $v.secrets.bootstrapAdmin -}}
{{- if and .emailKey (not .passwordKey) -}}
{{- $reasons = append $reasons "secrets.bootstrapAdmin.emailKey does nothing alone: give passwordKey too" -}}
{{- end -}}
{{- if and .existingSecret (not .apiKeyKey) (not .passwordKey) -}}
{{- $reasons = append $reasons "secrets.bootstrapAdmin names a Secret but no key in it: give apiKeyKey, passwordKey or both" -}}
{{- end -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- $reasons = append $reasons "ingress.enabled is true but ingress.hosts is empty: name at least one host" -}}
{{- end -}}
{{- with $v.web.autoscaling -}}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) -}}
{{- $reasons = append $reasons "web.autoscaling.maxReplicas is below minReplicas: raise it" -}}
{{- end -}}
{{- end -}}
{{- if ge (int $v.web.preStopSleepSeconds) (int $v.web.terminationGracePeriodSeconds) -}}
{{- $reasons = append $reasons "web.preStopSleepSeconds uses up web.terminationGracePeriodSeconds: requests would be cut off" -}}
{{- end -}}
{{- if $reasons -}}
{{- fail (printf "\nHeadgate cannot be installed with these values:\n  - %s\n" (join "\n  - " $reasons)) -}}
{{- end -}}
{{- end -}}
