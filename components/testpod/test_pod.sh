# The program of the test pods, run by the image's shell: `identity` proves that this pod has its role, `denial` that a
# pod which must not have it does not, `login` that the role opens an EKS cluster. It tries for IRSA_WINDOW seconds, because
# IAM needs a while to spread what was just made, and ends: with 0 when that holds, and else with the reason, which becomes
# the container's termination message, which Pulumi shows. The last line of a proof is JSON, for programs.
#
# A mode is four functions: try_<mode> succeeds when the proof is there, show_<mode> prints it, explain_<mode> says why it is not
# there, and hopeless_<mode> reports whether this pod, as it was made, can never have it, and a fresh one may.
#
# The exit code tells the Job what to do about a failure: 1 is final, and after 75 a fresh pod may do better.
#
# No call outlasts IRSA_CALL_LIMIT seconds, and nothing IRSA_LIMIT seconds from the start, so that the reason is there before
# the Job's deadline ends the pod. With IRSA_STAY, a pod that has its proof stays, to be looked around in.

now() { date +%s; }

# call runs a command that asks AWS, once and for a limited time. Its error is in $HOME/error.
call() {
	AWS_MAX_ATTEMPTS=1 timeout -k 1 "$IRSA_CALL_LIMIT" "$@" 2>"$HOME/error"
	code=$?
	case $code in 124 | 137) echo "no answer within $IRSA_CALL_LIMIT s" >"$HOME/error" ;; esac
	return $code
}

# claim prints a claim of the pod's token: a string, or the first of a list.
claim() {
	payload=$(cut -d . -f 2 "${IRSA_TOKEN_FILE:-$AWS_WEB_IDENTITY_TOKEN_FILE}" | tr '_-' '/+')
	case $((${#payload} % 4)) in
	2) payload=$payload== ;;
	3) payload=$payload= ;;
	esac
	printf %s "$payload" | base64 -d | sed -n "s/.*\"$1\":\[\{0,1\}\"\([^\"]*\)\".*/\1/p"
}

# ask_sts asks who this pod is, with a new session each time: the CLI would use the last one as long as it lasts.
ask_sts() {
	rm -rf "$HOME/.aws/cli/cache"
	identity=$(call aws sts get-caller-identity --query Arn --output text) || identity=nobody
}

try_identity() {
	ask_sts
	case $identity in "$IRSA_EXPECTED_ARN"/*) ;; *) return 1 ;; esac
	check=none
	[ -z "$IRSA_CHECK" ] || run_check
}

# run_check keeps the last 64 KiB of what the check prints, as the home folder is small. The check is in a process group of
# its own, with which timeout ends whatever the check has started.
run_check() {
	check=failed
	rm -f "$HOME/status"
	: >"$HOME/check"
	left=$((limit - $(now)))
	timeout -k 1 $((left > 1 ? left : 1)) /bin/sh -c \
		'{ (eval "$IRSA_CHECK") 2>&1 </dev/null; echo $? >"$HOME/status"; } | tail -c 65536 >"$HOME/check"'
	case $(cat "$HOME/status" 2>/dev/null) in
	0) check=passed ;;
	'') check=late && return 1 ;;
	*) return 1 ;;
	esac
}

show_identity() {
	if [ -n "$IRSA_CHECK" ]; then
		echo "+ $IRSA_CHECK"
		cat "$HOME/check"
	fi
	printf '{"pod":"%s","identity":"%s","check":"%s"}\n' "$IRSA_POD" "$identity" "$check"
}

explain_identity() {
	case $check in
	failed)
		echo "Pod $IRSA_POD is $identity, as it should be, but its own check failed: $IRSA_CHECK"
		tail -c 1000 "$HOME/check"
		return
		;;
	late)
		echo "Pod $IRSA_POD is $identity, as it should be, but its own check did not end in time: $IRSA_CHECK"
		return
		;;
	esac
	echo "Pod $IRSA_POD is $identity, it should be $IRSA_EXPECTED_ARN"
	tail -c 400 "$HOME/error" | grep .
	echo "Likely causes, in order:"
	if [ -n "$AWS_CONTAINER_CREDENTIALS_FULL_URI" ]; then
		echo "1. THIS: an EKS Pod Identity association of its service account wins over the annotation. Delete one of the two; if this role made the association, set its identity to trustBoth first."
		return
	fi
	if ! mutated; then
		echo "1. THIS: the pod was not mutated. The EKS webhook found no role on its service account when the pod was made, or did not run."
		return
	fi
	echo "1. not: the pod was mutated"
	if ! annotated; then
		echo "2. THIS: the service account's annotation names another role, $AWS_ROLE_ARN instead of $IRSA_ROLE_ARN"
		return
	fi
	subject=$(claim sub)
	if [ "$subject" != "$IRSA_SUBJECT" ]; then
		echo "2. THIS: wrong account name, the pod runs as $subject and the role is for $IRSA_SUBJECT"
		return
	fi
	echo "2. not: account name and annotation are right"
	case $(cat "$HOME/error") in
	*InvalidIdentityToken*)
		echo "3. not known: without a provider STS does not look at the trust policy"
		echo "4. THIS: the OIDC provider $IRSA_PROVIDER_ARN is missing, lacks the client ID $(claim aud), or is not that of the issuer $(claim iss)"
		;;
	*AccessDenied*)
		echo "3. THIS: the trust policy of $IRSA_ROLE_ARN does not let it in, or the role is gone. It must have the sub $subject, the aud $(claim aud) and the provider $IRSA_PROVIDER_ARN"
		echo "4. not: the OIDC provider is there"
		;;
	*"no answer"* | *"onnect"* | *"imeout"* | *"imed out"*)
		echo "3. and 4. not known: STS did not judge the token"
		echo "5. THIS: STS cannot be reached. Without a way to the internet the pod's subnet needs a VPC endpoint of STS (com.amazonaws.${AWS_REGION:-<region>}.sts), and security groups and network policies must let the pod reach it."
		;;
	*)
		echo "3. and 4. not known: STS did not judge the token"
		;;
	esac
}

mutated() { [ -n "$AWS_ROLE_ARN" ] && [ -s "$AWS_WEB_IDENTITY_TOKEN_FILE" ]; }

annotated() { [ "$AWS_ROLE_ARN" = "$IRSA_ROLE_ARN" ]; }

hopeless_identity() { [ -z "$AWS_CONTAINER_CREDENTIALS_FULL_URI" ] && ! { mutated && annotated; }; }

# A negative test has a token of its own account for STS, and nothing that would make the CLI use it by itself.
try_denial() {
	issuer=$(claim iss)
	case $issuer in https://oidc.eks.*) # the webhook gives this pod no region, but the host of an EKS issuer names it
		export AWS_REGION="$(echo "$issuer" | cut -d . -f 3)"
		export AWS_DEFAULT_REGION="$AWS_REGION"
		;;
	esac
	refusal=
	ask_sts
	case $identity in "$IRSA_EXPECTED_ARN"/*) return 1 ;; esac
	# The token goes by its file, because arguments can be seen by others.
	if call aws sts assume-role-with-web-identity --role-arn "$IRSA_ROLE_ARN" --role-session-name irsa-denied \
		--web-identity-token "file://$IRSA_TOKEN_FILE" >/dev/null; then
		refusal=none
		return 1
	fi
	grep -q '(AccessDenied)' "$HOME/error" && refusal=AccessDenied
}

show_denial() { printf '{"pod":"%s","identity":"%s","refusal":"%s"}\n' "$IRSA_POD" "$identity" "$refusal"; }

hopeless_denial() { false; }

explain_denial() {
	case $identity:$refusal in
	"$IRSA_EXPECTED_ARN"/*) echo "Pod $IRSA_POD must not be $IRSA_EXPECTED_ARN, and it is without asking for it: its node has that role" ;;
	*:none) echo "Pod $IRSA_POD must not be $IRSA_EXPECTED_ARN, and STS made it that: the trust policy of $IRSA_ROLE_ARN lets $IRSA_SUBJECT in" ;;
	*)
		echo "Pod $IRSA_POD must be refused the role $IRSA_ROLE_ARN with AccessDenied, and was not:"
		tail -c 800 "$HOME/error" | grep .
		;;
	esac
}

# request METHOD PATH [BODY] asks the cluster; the answer is in $HOME/answer and its status is printed. Token and body go by
# files, because arguments can be seen by others. The way is Argo CD's: through IRSA_PROXY, which has a certificate of the
# cluster's CA where it has one, or else directly; and with IRSA_SERVER_NAME in the place of the host in TLS, and nowhere else.
request() {
	method=$1 url=$IRSA_SERVER$2 body=${3:+yes}
	printf %s "${3-}" >"$HOME/body"
	set -- --noproxy '*'
	[ -z "$IRSA_PROXY" ] || set -- --proxy "$IRSA_PROXY" --proxy-cacert "$HOME/ca.crt" --noproxy ''
	if [ -n "$IRSA_SERVER_NAME" ]; then
		path=${url#https://*/} authority=${url#https://}
		authority=${authority%%/*}
		case $authority in
		*]:* | [!\[]*:*) port=:${authority##*:} ;;
		*) port= ;;
		esac
		url=https://$IRSA_SERVER_NAME$port/$path
		set -- "$@" --connect-to "::${authority%"$port"}:" --header "Host: $authority"
	fi
	curl --silent --show-error --max-time "$IRSA_CALL_LIMIT" "$@" --cacert "$HOME/ca.crt" --header "@$HOME/header" \
		--header 'Content-Type: application/json' --request "$method" ${body:+--data "@$HOME/body"} --output "$HOME/answer" \
		--write-out '%{http_code}' "$url" 2>"$HOME/error"
}

try_login() {
	umask 077
	rm -rf "$HOME/.aws/cli/cache"
	identity=nobody status= read=
	call aws eks get-token --cluster-name "$IRSA_CLUSTER_NAME" --output json ${IRSA_ASSUME:+--role-arn "$IRSA_ASSUME"} >"$HOME/token" || return 1
	sed -n 's/.*"token": *"\([^"]*\)".*/Authorization: Bearer \1/p' "$HOME/token" >"$HOME/header"
	printf %s "$IRSA_CA_DATA" | base64 -d >"$HOME/ca.crt"
	status=$(request POST /apis/authentication.k8s.io/v1/selfsubjectreviews \
		'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}') || return 1
	[ "$status" = 201 ] || return 1
	# EKS adds the ARN of the session to what Kubernetes knows of a user.
	identity=$(tr -d ' \n' <"$HOME/answer" | sed -n 's/.*"arn":\["\([^"]*\)".*/\1/p')
	case $identity in "$IRSA_EXPECTED_ARN"/*) ;; *) return 1 ;; esac
	[ -z "$IRSA_READ" ] || { read=$(request GET "$IRSA_READ") && [ "$read" = 200 ]; }
}

show_login() { printf '{"pod":"%s","identity":"%s","login":"%s"}\n' "$IRSA_POD" "$identity" "$IRSA_LOGIN"; }

hopeless_login() { false; }

explain_login() {
	echo "Pod $IRSA_POD cannot log in to cluster $IRSA_CLUSTER_NAME at $IRSA_SERVER as $IRSA_EXPECTED_ARN"
	case $status:$read in
	:* | 000:*)
		echo "It could not get a token${IRSA_ASSUME:+ as $IRSA_ASSUME: that role must trust the pod's role, and the pod's role must be allowed to assume it}, or not reach the cluster${IRSA_PROXY:+ through the proxy $IRSA_PROXY}${IRSA_SERVER_NAME:+ under the name $IRSA_SERVER_NAME}:"
		tail -c 600 "$HOME/error" | grep .
		;;
	401:*) echo "The cluster answered 401: it does not know the role. Its access entry is missing or belongs to an older role of this name, or aws-auth has no line for it; a line with the role's path does not match." ;;
	201:) echo "The cluster says that it is ${identity:-an identity without an ARN}." ;;
	*)
		echo "The cluster let it in, but answered ${read:-$status} to $IRSA_READ: the access policies or groups do not allow that."
		tail -c 600 "$HOME/answer"
		;;
	esac
}

start=$(now)
limit=$((start + IRSA_LIMIT))
while :; do
	check=
	if "try_$1"; then
		"show_$1"
		break
	elif "hopeless_$1"; then
		"explain_$1"
		exit 75
	elif [ $(($(now) + 2)) -ge $((start + IRSA_WINDOW)) ]; then
		"explain_$1"
		exit 1
	fi
	sleep 2
done
if [ -n "$IRSA_STAY" ]; then
	: >"$HOME/proven"
	while :; do sleep 3600; done
fi
