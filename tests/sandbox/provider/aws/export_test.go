package aws

// NewRetryer is how the SDK's clients of a provider repeat their calls.
var NewRetryer = newRetryer
