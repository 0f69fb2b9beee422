# The program of the test pods, run by the image's shell: `identity` proves that this pod has its role, `control` that a
# pod which must not have it does not, `login` that the role opens an EKS cluster. It tries until that holds, because IAM needs a while to spread what was just made;
# when it does not hold for WINDOW seconds, the program says why and ends. The end of the log is the container's
# termination message, which Pulumi shows.
#
# The last line of a proof is JSON, for programs. A proof is repeated every REPEAT seconds.

# claim prints a claim of the pod's token: a string, or the first of a list.
claim() {
	payload=$(cut -d . -f 2 "${TOKEN_FILE:-$AWS_WEB_IDENTITY_TOKEN_FILE}" | tr '_-' '/+')
	case $((${#payload} % 4)) in
	2) payload=$payload== ;;
	3) payload=$payload= ;;
	esac
	printf %s "$payload" | base64 -d | sed -n "s/.*\"$1\":\[\{0,1\}\"\([^\"]*\)\".*/\1/p"
}

# ask_sts asks who this pod is, with a new session each time: the CLI would use the last one as long as it lasts.
ask_sts() {
	rm -rf "$HOME/.aws/cli/cache"
	identity=$(aws sts get-caller-identity --query Arn --output text 2>"$HOME/error") || identity=nobody
}

try_identity() {
	ask_sts
	case $identity in "$EXPECTED_ARN"/*) ;; *) return 1 ;; esac
	check=none
	if [ -n "$CHECK" ]; then
		check=failed
		(eval "$CHECK") >"$HOME/check" 2>&1 </dev/null || return 1
		check=passed
	fi
}

show_identity() {
	if [ -n "$CHECK" ]; then
		echo "+ $CHECK"
		cat "$HOME/check"
	fi
	printf '{"pod":"%s","identity":"%s","check":"%s"}\n' "$POD" "$identity" "$check"
}

explain_identity() {
	if [ "$check" = failed ]; then
		echo "Pod $POD is $identity, as it should be, but its own check failed: $CHECK"
		tail -c 1000 "$HOME/check"
		return
	fi
	echo "Pod $POD is $identity, it should be $EXPECTED_ARN"
	tail -c 400 "$HOME/error" | grep .
	echo "Likely causes, in order:"
	if [ -z "$AWS_ROLE_ARN" ] || [ ! -s "$AWS_WEB_IDENTITY_TOKEN_FILE" ]; then
		echo "1. THIS: the pod was not mutated. The EKS webhook found no role on its service account when the pod was made, or did not run. Delete the pod and run pulumi up --refresh."
		return
	fi
	echo "1. not: the pod was mutated"
	if [ "$AWS_ROLE_ARN" != "$ROLE_ARN" ]; then
		echo "2. THIS: the service account's annotation names another role, $AWS_ROLE_ARN instead of $ROLE_ARN"
		return
	fi
	subject=$(claim sub)
	if [ "$subject" != "$SUBJECT" ]; then
		echo "2. THIS: wrong account name, the pod runs as $subject and the role is for $SUBJECT"
		return
	fi
	echo "2. not: account name and annotation are right"
	case $(cat "$HOME/error") in
	*InvalidIdentityToken*)
		echo "3. not known: without a provider STS does not look at the trust policy"
		echo "4. THIS: the OIDC provider $PROVIDER_ARN is missing, lacks the client ID $(claim aud), or is not that of the issuer $(claim iss)"
		;;
	*AccessDenied*)
		echo "3. THIS: the trust policy of $ROLE_ARN does not let it in, or the role is gone. It must have the sub $subject, the aud $(claim aud) and the provider $PROVIDER_ARN"
		echo "4. not: the OIDC provider is there"
		;;
	*)
		echo "3. and 4. not known: STS did not judge the token"
		;;
	esac
}

# A control has a token of its own account for STS, and nothing that would make the CLI use it by itself.
try_control() {
	issuer=$(claim iss)
	case $issuer in https://oidc.eks.*) # nobody names a region to this pod, but an issuer of EKS does
		export AWS_REGION="$(echo "$issuer" | cut -d . -f 3)"
		export AWS_DEFAULT_REGION="$AWS_REGION"
		;;
	esac
	refusal=
	ask_sts
	case $identity in "$EXPECTED_ARN"/*) return 1 ;; esac
	if aws sts assume-role-with-web-identity --role-arn "$ROLE_ARN" --role-session-name irsa-control \
		--web-identity-token "$(cat "$TOKEN_FILE")" >/dev/null 2>"$HOME/error"; then
		refusal=none
		return 1
	fi
	grep -q '(AccessDenied)' "$HOME/error" && refusal=AccessDenied
}

show_control() { printf '{"pod":"%s","identity":"%s","refusal":"%s"}\n' "$POD" "$identity" "$refusal"; }

explain_control() {
	case $identity:$refusal in
	"$EXPECTED_ARN"/*) echo "Pod $POD must not be $EXPECTED_ARN, and it is without asking for it: its node has that role" ;;
	*:none) echo "Pod $POD must not be $EXPECTED_ARN, and STS made it that: the trust policy of $ROLE_ARN lets $SUBJECT in" ;;
	*)
		echo "Pod $POD must be refused the role $ROLE_ARN with AccessDenied, and was not:"
		tail -c 800 "$HOME/error" | grep .
		;;
	esac
}

# request METHOD PATH [BODY] asks the cluster; the answer is in $HOME/answer and its status is printed. Token and body go by
# files, because arguments can be seen by others.
request() {
	printf %s "${3-}" >"$HOME/body"
	curl --silent --show-error --max-time 10 --cacert "$HOME/ca.crt" --header "@$HOME/header" --header 'Content-Type: application/json' \
		--request "$1" ${3:+--data "@$HOME/body"} --output "$HOME/answer" --write-out '%{http_code}' "$SERVER$2" 2>"$HOME/error"
}

try_login() {
	umask 077
	rm -rf "$HOME/.aws/cli/cache"
	identity=nobody status= read=
	# get-token prints JSON whatever output is asked for.
	aws eks get-token --cluster-name "$CLUSTER_NAME" ${ASSUME:+--role-arn "$ASSUME"} >"$HOME/token" 2>"$HOME/error" || return 1
	sed -n 's/.*"token": *"\([^"]*\)".*/Authorization: Bearer \1/p' "$HOME/token" >"$HOME/header"
	printf %s "$CA_DATA" | base64 -d >"$HOME/ca.crt"
	status=$(request POST /apis/authentication.k8s.io/v1/selfsubjectreviews \
		'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}') || return 1
	[ "$status" = 201 ] || return 1
	# EKS adds the ARN of the session to what Kubernetes knows of a user.
	identity=$(tr -d ' \n' <"$HOME/answer" | sed -n 's/.*"arn":\["\([^"]*\)".*/\1/p')
	case $identity in "$EXPECTED_ARN"/*) ;; *) return 1 ;; esac
	[ -z "$READ" ] || { read=$(request GET "$READ") && [ "$read" = 200 ]; }
}

show_login() { printf '{"pod":"%s","identity":"%s","login":"%s"}\n' "$POD" "$identity" "$LOGIN"; }

explain_login() {
	echo "Pod $POD cannot log in to cluster $CLUSTER_NAME at $SERVER as $EXPECTED_ARN"
	case $status:$read in
	:* | 000:*)
		echo "It could not get a token${ASSUME:+ as $ASSUME: that role must trust the pod's role, and the pod's role must be allowed to assume it}, or not reach the cluster:"
		tail -c 600 "$HOME/error" | grep .
		;;
	401:*) echo "The cluster answered 401: it does not know the role. Its access entry is missing or belongs to an older role of this name, or aws-auth has no line for it; a line with the role's path does not match." ;;
	201:) echo "The cluster says that it is ${identity:-somebody without an ARN}." ;;
	*)
		echo "The cluster let it in, but answered ${read:-$status} to $READ: the access policies or groups do not allow that."
		tail -c 600 "$HOME/answer"
		;;
	esac
}

rm -f "$HOME/proven"
deadline=$(($(date +%s) + WINDOW))
while :; do
	check=
	if "try_$1"; then
		[ -e "$HOME/proven" ] || "show_$1"
		: >"$HOME/proven"
		sleep "$REPEAT"
		deadline=$(($(date +%s) + WINDOW))
	elif [ "$(date +%s)" -ge "$deadline" ]; then
		rm -f "$HOME/proven"
		"explain_$1"
		exit 1
	else
		sleep 2
	fi
done
