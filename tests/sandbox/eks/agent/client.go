package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
)

// Client asks EKS Auth.
type Client struct {
	Endpoint, Region string
	Credentials      aws.CredentialsProvider
}

// Session are the credentials that EKS Auth gives for a pod, and whom they are for.
type Session struct {
	AccessKeyID, SecretAccessKey, SessionToken string
	AccountID, Arn, AssociationID              string
	Expires                                    time.Time
}

// Error is what EKS Auth answers instead.
type Error struct {
	Status                   int
	RequestID, Code, Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode is the name of the exception.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage is what it says.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault is who is at fault by the status.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Status >= http.StatusInternalServerError {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// irrecoverable are the exceptions after which the credentials of a pod are forgotten.
var irrecoverable = map[string]bool{
	"ResourceNotFoundException": true, "ExpiredTokenException": true, "InvalidTokenException": true,
	"AccessDeniedException": true,
}

func isIrrecoverable(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && irrecoverable[refused.Code]
}

var transport = &http.Client{Timeout: 10 * time.Second}

// AssumeRoleForPodIdentity exchanges the token of a pod for credentials.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html
func (c Client) AssumeRoleForPodIdentity(ctx context.Context, cluster, token string) (Session, error) {
	body, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return Session{}, fmt.Errorf("encoding the token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		c.Endpoint+"/clusters/"+url.PathEscape(cluster)+"/assume-role-for-pod-identity", bytes.NewReader(body))
	if err != nil {
		return Session{}, fmt.Errorf("asking EKS Auth: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	keys, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return Session{}, fmt.Errorf("unable to fetch credentials of the node: %w", err)
	}
	hash := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(ctx, keys, request, hex.EncodeToString(hash[:]), "eks-auth", c.Region, time.Now())
	if err != nil {
		return Session{}, fmt.Errorf("signing a request for EKS Auth: %w", err)
	}
	response, err := transport.Do(request)
	if err != nil {
		return Session{}, fmt.Errorf("unable to fetch credentials from EKS Auth: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return Session{}, fmt.Errorf("unable to fetch credentials from EKS Auth: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return Session{}, readError(response, content)
	}
	return readSession(content)
}

func readError(response *http.Response, content []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(content, &said) // what is no JSON has no message
	return &Error{
		Status: response.StatusCode, RequestID: response.Header.Get("X-Amzn-Requestid"),
		Code: response.Header.Get("X-Amzn-Errortype"), Message: said.Message,
	}
}

func readSession(content []byte) (Session, error) {
	var given struct {
		PodIdentityAssociation struct {
			AssociationID string `json:"associationId"`
		} `json:"podIdentityAssociation"`
		AssumedRoleUser struct {
			Arn string `json:"arn"`
		} `json:"assumedRoleUser"`
		Credentials struct {
			AccessKeyID     string  `json:"accessKeyId"`
			SecretAccessKey string  `json:"secretAccessKey"`
			SessionToken    string  `json:"sessionToken"`
			Expiration      float64 `json:"expiration"`
		} `json:"credentials"`
	}
	if err := json.Unmarshal(content, &given); err != nil {
		return Session{}, fmt.Errorf("reading the answer of EKS Auth: %w", err)
	}
	user, err := arn.Parse(given.AssumedRoleUser.Arn)
	if err != nil {
		return Session{}, fmt.Errorf("unable to parse arn from assumed role: %w", err)
	}
	seconds, fraction := math.Modf(given.Credentials.Expiration)
	return Session{
		AccessKeyID: given.Credentials.AccessKeyID, SecretAccessKey: given.Credentials.SecretAccessKey,
		SessionToken: given.Credentials.SessionToken, AccountID: user.AccountID, Arn: given.AssumedRoleUser.Arn,
		AssociationID: given.PodIdentityAssociation.AssociationID,
		Expires:       time.Unix(int64(seconds), int64(fraction*float64(time.Second))).UTC(),
	}, nil
}
