# The modes of EKS Pod Identity: `podIdentity` proves that this pod has its role by that way and no other, `podIdentityDenial`
# that a pod of another service account does not get it. test_pod.sh follows, with all that the modes share.

by_pod_identity() { [ -n "$AWS_CONTAINER_CREDENTIALS_FULL_URI" ] && [ -s "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" ]; }

# An association wins over an annotation, and counts for pods that are made after it.
hopeless_podIdentity() { ! by_pod_identity; }

try_podIdentity() {
	check= identity=nobody
	by_pod_identity && try_identity
}

show_podIdentity() {
	if [ -n "$IRSA_CHECK" ]; then
		echo "+ $IRSA_CHECK"
		cat "$HOME/check"
	fi
	printf '{"pod":"%s","identity":"%s","check":"%s","via":"podIdentity"}\n' "$IRSA_POD" "$identity" "$check"
}

explain_podIdentity() {
	case $check in failed | late)
		explain_identity
		return
		;;
	esac
	echo "Pod $IRSA_POD is $identity, it should be $IRSA_EXPECTED_ARN"
	[ ! -s "$HOME/error" ] || tail -c 400 "$HOME/error" | grep .
	echo "Likely causes, in order:"
	if ! by_pod_identity; then
		echo "1. THIS: the pod has no token for EKS Pod Identity. Its service account had no association when the pod was made, or it runs where there is none: on Fargate or Windows."
		return
	fi
	echo "1. not: the pod has a token for EKS Pod Identity"
	if [ "$identity" != nobody ]; then
		echo "2. THIS: the association of $IRSA_SUBJECT names another role than $IRSA_ROLE_ARN"
		return
	fi
	case $(cat "$HOME/error") in
	*ResourceNotFound*)
		echo "2. THIS: the association of $IRSA_SUBJECT is gone, or EKS does not know it yet"
		;;
	*AccessDenied*)
		echo "2. not: the association is there"
		echo "3. THIS: the trust policy of $IRSA_ROLE_ARN does not let EKS Pod Identity in with sts:AssumeRole and sts:TagSession for this cluster, namespace and service account, or the role is gone"
		;;
	*"no answer"* | *onnect* | *imeout* | *"imed out"*)
		echo "2. and 3. not known: the agent did not ask EKS"
		echo "4. THIS: the agent cannot be reached at $AWS_CONTAINER_CREDENTIALS_FULL_URI. The add-on eks-pod-identity-agent must run on the pod's node; where there is a proxy, NO_PROXY must have 169.254.170.23 and [fd00:ec2::23]."
		;;
	*)
		echo "2. and 3. not known: the agent gave no credentials"
		;;
	esac
}

# The pod has a token of its own account for EKS Pod Identity, and shows it to the agent. Where the role trusts the OIDC provider as
# well, STS must refuse it, too.
try_podIdentityDenial() {
	case $(claim iss) in https://oidc.eks.*)
		AWS_REGION=$(claim iss | cut -d . -f 3) AWS_DEFAULT_REGION=$AWS_REGION
		export AWS_REGION AWS_DEFAULT_REGION
		;;
	esac
	refusal= agent=
	ask_sts
	case $identity in "$IRSA_EXPECTED_ARN"/*) return 1 ;; esac
	for uri in $IRSA_AGENT_URIS; do
		if asked=$(call env AWS_CONTAINER_CREDENTIALS_FULL_URI="$uri" AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="$IRSA_AGENT_TOKEN_FILE" \
			aws sts get-caller-identity --query Arn --output text); then
			case $asked in "$IRSA_EXPECTED_ARN"/*)
				refusal=none
				return 1
				;;
			esac
			agent=AnotherRole
			break
		fi
		agent=$(grep -o -e AccessDenied -e ResourceNotFound "$HOME/error" | head -n 1)
		[ -z "$agent" ] || break
	done
	[ -n "$agent" ] || return 1
	[ -z "$IRSA_PROVIDER_ARN" ] || try_denial || return 1
	refusal=$agent
}

hopeless_podIdentityDenial() { false; }

show_podIdentityDenial() { printf '{"pod":"%s","identity":"%s","refusal":"%s","via":"podIdentity"}\n' "$IRSA_POD" "$identity" "$refusal"; }

explain_podIdentityDenial() {
	case $identity:$refusal:$agent in
	"$IRSA_EXPECTED_ARN"/*) explain_denial ;;
	*:none:) echo "Pod $IRSA_POD must not be $IRSA_EXPECTED_ARN, and EKS Pod Identity made it that: $IRSA_SUBJECT has an association with $IRSA_ROLE_ARN" ;;
	*:)
		echo "Pod $IRSA_POD must be refused the role $IRSA_ROLE_ARN by EKS Pod Identity, and was not:"
		tail -c 800 "$HOME/error" | grep .
		;;
	*) explain_denial ;;
	esac
}

