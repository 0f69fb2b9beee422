package gateway

import (
	"fmt"
	"net/http"
)

// Each protocol has its own codes for credentials that are no good. The query protocol's are in
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, S3's in
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and the JSON services' in
// https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html.

// unknownKey refuses an access key that STS did not give out, or whose role is gone.
func unknownKey(service string) error {
	const message = "The security token included in the request is invalid."
	switch {
	case service == "s3":
		return &apiError{http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."}
	case jsonServices[service]:
		return &apiError{jsonRefusal(service), "UnrecognizedClientException", message}
	}
	return &apiError{http.StatusForbidden, "InvalidClientTokenId", message}
}

// wrongToken refuses a session token that does not belong to the access key.
func wrongToken(service string) error {
	if service == "s3" {
		return &apiError{http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid."}
	}
	return unknownKey(service)
}

// expiredKey refuses a session that is over.
func expiredKey(service string) error {
	const message = "The security token included in the request is expired"
	switch {
	case service == "s3":
		return &apiError{http.StatusBadRequest, "ExpiredToken", "The provided token has expired."}
	case jsonServices[service]:
		return &apiError{jsonRefusal(service), "ExpiredTokenException", message}
	}
	return &apiError{http.StatusForbidden, "ExpiredToken", message}
}

// accessDenied refuses an action; resource and reason may be empty.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func accessDenied(service, caller, action, resource, reason string) error {
	message := fmt.Sprintf("User: %s is not authorized to perform: %s", caller, action)
	switch {
	case resource == "":
	case service == "s3":
		message += fmt.Sprintf(" on resource: %q", resource)
	default:
		message += " on resource: " + resource
	}
	if reason != "" {
		message += " " + reason
	}
	if jsonServices[service] {
		return &apiError{jsonRefusal(service), "AccessDeniedException", message}
	}
	return &apiError{http.StatusForbidden, "AccessDenied", message}
}

// jsonRefusal is the status of a refusal: REST services such as EKS have 403, those with all in the body 400.
func jsonRefusal(service string) int {
	if service == "eks" {
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}
