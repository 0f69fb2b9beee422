package stacks

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// LoadConfig reads, decodes and validates the stack's configuration. All errors are in one, each with its path.
func LoadConfig(ctx *pulumi.Context) (*Config, error) {
	text := config.Get(ctx, ConfigKey)
	if text == "" {
		return nil, fmt.Errorf("%s:%s is not set: declare the platform in Pulumi.%s.yaml", ctx.Project(), ConfigKey, ctx.Stack())
	}
	cfg, err := ParseConfig(text, ctx.RootDirectory())
	if err != nil {
		return nil, err
	}
	if ctx.IsConfigSecret(ctx.Project()+":"+ConfigKey) && !cfg.hasPassword() {
		return nil, invalidConfiguration(errors.New("a value in it is encrypted (secure:), and all that is made of it stands in " +
			"plain text in the stack's state, but for a proxyUrl with a password; write the value as it is, or keep what is secret elsewhere"))
	}
	return cfg, nil
}

// hasPassword reports whether a proxy has a password, the one value that goes into nothing but a secret. Which of its values the
// configuration has encrypted, Pulumi does not say.
func (cfg *Config) hasPassword() bool {
	for _, target := range cfg.targets() {
		if proxy, err := url.Parse(target.ProxyURL); err == nil && proxy.User != nil {
			return true
		}
	}
	return false
}

// ParseConfig decodes a configuration in JSON, which is how Pulumi hands it over, with the files in dir that it includes, sets its
// defaults and validates it.
func ParseConfig(text, dir string) (*Config, error) {
	text, err := include(text, dir)
	if err != nil {
		return nil, invalidConfiguration(err)
	}
	var cfg Config
	if err := invalidConfiguration(decode(text, &cfg)); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	environment := cfg.validateEnvironment()
	if environment == nil { // or else its errors would come again with each role
		cfg.inherit()
	}
	if err := invalidConfiguration(errors.Join(environment, cfg.validate())); err != nil {
		return nil, err
	}
	return &cfg, nil
}
