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
{{- with $v.config.oidc -}}
{{- if ne (empty .issuer) (empty .clientId) -}}
{{- $reasons = append $reasons "config.oidc.issuer and config.oidc.clientId go together: give both or none" -}}
{{- end -}}
{{- if and .issuer (not $v.config.publicUrl) -}}
{{- $reasons = append $reasons "config.oidc needs config.publicUrl: the provider sends people back there" -}}
{{- end -}}
{{- if and (not .issuer) (or .roles .adminGroups .domains $v.secrets.oidcClientSecret.existingSecret (ne $v.config.passwordSignIn "all")) -}}
{{- $reasons = append $reasons "config.oidc.issuer is empty, but roles, adminGroups, domains, passwordSignIn or secrets.oidcClientSecret want it: name the OpenID provider" -}}
{{- end -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- $reasons = append $reasons "ingress.enabled is true but ingress.hosts is empty: name at least one host" -}}
{{- end -}}
{{- range $component := list "web" "delivery" -}}
{{- $pod := index $v $component -}}
{{- with $pod.autoscaling -}}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) -}}
{{- $reasons = append $reasons (printf "%s.autoscaling.maxReplicas is below minReplicas: raise it" $component) -}}
{{- end -}}
{{- end -}}
{{- if ge (int $pod.preStopSleepSeconds) (int $pod.terminationGracePeriodSeconds) -}}
{{- $reasons = append $reasons (printf "%s.preStopSleepSeconds uses up %s.terminationGracePeriodSeconds: requests would be cut off" $component $component) -}}
{{- end -}}
{{- end -}}
{{- if $reasons -}}
{{- fail (printf "\nHeadgate cannot be installed with these values:\n  - %s\n" (join "\n  - " $reasons)) -}}
{{- end -}}
{{- end -}}
