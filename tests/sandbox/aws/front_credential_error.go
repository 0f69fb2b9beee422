package aws

import (
	"fmt"
	"net/http"
	"strings"
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

// wrongSignature refuses a request that was not signed as it came, or not with the secret of its access key.
func wrongSignature(service string) error {
	const message = "The request signature we calculated does not match the signature you provided. Check your "
	if service == "s3" {
		return badSignature(service, message+"key and signing method.")
	}
	return badSignature(service, message+"AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

// badSignature refuses a signature for the reason that the message gives.
func badSignature(service, message string) error {
	if jsonServices[service] {
		return &apiError{jsonRefusal(service), "InvalidSignatureException", message}
	}
	return &apiError{http.StatusForbidden, "SignatureDoesNotMatch", message}
}

// notSigned refuses a request for its headers that have to be signed.
func notSigned(service string, headers []string) error {
	names := strings.Join(headers, ", ")
	if service == "s3" {
		return &apiError{
			http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed: " + names,
		}
	}
	return badSignature(service, fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", names))
}

// noDate refuses a signature that does not say when it was made.
func noDate(service string) error {
	const message = "the signature has no date: X-Amz-Date must be like " + amzDate
	switch {
	case service == "s3":
		return &apiError{http.StatusForbidden, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"}
	case jsonServices[service]:
		return &apiError{jsonRefusal(service), "IncompleteSignatureException", message}
	}
	return &apiError{http.StatusForbidden, "IncompleteSignature", message}
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
