package agent

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// audience is whom the tokens of EKS Pod Identity are for.
const audience = "pods.eks.amazonaws.com"

// object is how a token names an object of Kubernetes.
type object struct {
	Name string `json:"name"`
	UID  string `json:"uid"`
}

// claims are those of a token that the agent looks at.
type claims struct {
	jwt.Claims
	Kubernetes struct {
		Namespace      string `json:"namespace"`
		Pod            object `json:"pod"`
		ServiceAccount object `json:"serviceaccount"`
	} `json:"kubernetes.io"`
}

// parse reads a token and verifies nothing.
func parse(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("token is malformed: token contains an invalid number of segments")
	}
	var found claims
	for i, into := range []any{&map[string]any{}, &found} {
		content, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(content, into)
		}
		if err != nil {
			return claims{}, fmt.Errorf("token is malformed: could not decode %s: %w", []string{"header", "claims"}[i], err)
		}
	}
	return found, nil
}

// checkToken refuses, before anyone is asked, what is no token or one that is not valid at this time by what it says.
func checkToken(token string, now time.Time) error {
	refused := func(format string, args ...any) error {
		return &requestError{http.StatusBadRequest, "Service account token " + fmt.Sprintf(format, args...)}
	}
	if token == "" {
		return refused("cannot be empty")
	}
	found, err := parse(token)
	const invalid = "failed basic claim validations: token has invalid claims: "
	switch {
	case err != nil:
		return refused("cannot be parsed: %v", err)
	case found.Expiry != nil && !now.Before(found.Expiry.Time()):
		return refused(invalid + "token is expired")
	case found.NotBefore != nil && now.Before(found.NotBefore.Time()):
		return refused(invalid + "token is not valid yet")
	}
	return nil
}

func podUID(token string) (string, error) {
	found, err := parse(token)
	if err != nil {
		return "", err
	}
	if found.Kubernetes.Pod.UID == "" {
		return "", errors.New("the token has no claim kubernetes.io/pod/uid")
	}
	return found.Kubernetes.Pod.UID, nil
}

// holds tells whether a token is one of the cluster's for EKS Pod Identity, as far as the agent can tell without EKS Auth. The
// form of the key ID is not looked at: that of EKS's own signer is not that of an API server.
func holds(ctx context.Context, token string, keys func(context.Context) ([]byte, error)) bool {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || keys == nil {
		return false
	}
	published, err := keys(ctx)
	if err != nil {
		return false
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(published, &set); err != nil {
		return false
	}
	named := set.Key(parsed.Headers[0].KeyID)
	if len(named) != 1 {
		return false
	}
	var found claims
	if err := parsed.Claims(named[0].Key, &found); err != nil {
		return false
	}
	bound := found.Kubernetes
	return slices.Contains(found.Audience, audience) && bound.Namespace != "" &&
		bound.Pod.Name != "" && bound.Pod.UID != "" && bound.ServiceAccount.Name != "" && bound.ServiceAccount.UID != ""
}
