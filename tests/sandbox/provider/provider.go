// Package provider is a resource provider that is described by tables: the gRPC service that the Pulumi engine talks
// to, checking of inputs against a table, diffing, previewing, refreshing, importing and the handling of secrets.
//
// The stand-in for the AWS plugin is made of it, which is needed where the official one cannot be downloaded, as it is
// not published as a Go module. It covers only what this project uses, and it refuses everything else by name: a
// property, type or function that it silently accepted would make a program work here that fails on the real thing.
//
// It is built on the low-level [p.Provider] of pulumi-go-provider rather than directly on the generated gRPC server:
// that type already does the handshake, the marshalling of secrets and unknowns and the encoding of partial failures,
// and leaves every decision about inputs and outputs to its user.
package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/middleware/cancel"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Function is something that a program can invoke to look things up.
type Function struct {
	Inputs Inputs
	Call   func(ctx context.Context, args Values) (Values, error)
}

// Plugin is a whole resource provider.
type Plugin struct {
	// Name is the package name, which is also the first part of every token.
	Name string
	// Version is the version of the official plugin that this one stands in for.
	Version string
	// Config holds the inputs of the explicit or default provider resource.
	Config Inputs
	// ReplaceConfig names the input whose change means that the provider now talks to something else, so that everything
	// made with it has to be replaced; "" for none. Nil means there never is one.
	ReplaceConfig func(old, given property.Map) string
	// Configure is called once, with complete and checked configuration.
	Configure func(ctx context.Context, config Values) error
	// Resources and Functions are keyed by their full token.
	Resources map[string]Table
	Functions map[string]Function
	// Explain rewrites errors of functions the way the official plugin words them.
	Explain func(token string, err error) error
}

// Run serves the plugin to the engine until the engine closes it.
func (pl Plugin) Run(ctx context.Context) error {
	return pl.Provider().Run(ctx, pl.Name, pl.Version)
}

// Provider is the plugin as the gRPC layer wants it. Every operation is bound by its customTimeouts, and cancelled when
// the engine cancels the update.
func (pl Plugin) Provider() p.Provider {
	return cancel.Wrap(p.Provider{
		GetSchema:   pl.getSchema,
		CheckConfig: pl.checkConfig,
		DiffConfig:  pl.diffConfig,
		Configure:   pl.configure,
		Invoke:      pl.invoke,
		Check: func(ctx context.Context, r p.CheckRequest) (p.CheckResponse, error) {
			resource, err := pl.resource(string(r.Urn.Type()))
			if err != nil {
				return p.CheckResponse{}, err
			}
			return resource.Check(ctx, r)
		},
		Diff: func(ctx context.Context, r p.DiffRequest) (p.DiffResponse, error) {
			resource, err := pl.resource(string(r.Urn.Type()))
			if err != nil {
				return p.DiffResponse{}, err
			}
			return resource.Diff(ctx, r)
		},
		Create: func(ctx context.Context, r p.CreateRequest) (p.CreateResponse, error) {
			resource, err := pl.resource(string(r.Urn.Type()))
			if err != nil {
				return p.CreateResponse{}, err
			}
			return resource.Create(ctx, r)
		},
		Read: func(ctx context.Context, r p.ReadRequest) (p.ReadResponse, error) {
			resource, err := pl.resource(string(r.Urn.Type()))
			if err != nil {
				return p.ReadResponse{}, err
			}
			return resource.Read(ctx, r)
		},
		Update: func(ctx context.Context, r p.UpdateRequest) (p.UpdateResponse, error) {
			resource, err := pl.resource(string(r.Urn.Type()))
			if err != nil {
				return p.UpdateResponse{}, err
			}
			return resource.Update(ctx, r)
		},
		Delete: func(ctx context.Context, r p.DeleteRequest) error {
			resource, err := pl.resource(string(r.Urn.Type()))
			if err != nil {
				return err
			}
			return resource.Delete(ctx, r)
		},
	})
}

func (pl Plugin) resource(token string) (Table, error) {
	resource, ok := pl.Resources[token]
	if !ok {
		return Table{}, status.Errorf(codes.NotFound,
			"resource type %q is not known to the sandbox's stand-in for pulumi-%s v%s", token, pl.Name, pl.Version)
	}
	return resource, nil
}

// getSchema answers with the least that is a schema. Programs are compiled against the official SDKs, so nothing here
// generates code from it.
func (pl Plugin) getSchema(context.Context, p.GetSchemaRequest) (p.GetSchemaResponse, error) {
	schema, err := json.Marshal(map[string]any{"name": pl.Name, "version": pl.Version})
	if err != nil {
		return p.GetSchemaResponse{}, fmt.Errorf("encoding schema: %w", err)
	}
	return p.GetSchemaResponse{Schema: string(schema)}, nil
}

func (pl Plugin) checkConfig(_ context.Context, r p.CheckRequest) (p.CheckResponse, error) {
	config, err := pl.decodeConfig(r.Inputs)
	if err != nil {
		return p.CheckResponse{}, err
	}
	return p.CheckResponse{Inputs: r.Inputs, Failures: pl.Config.Failures("", config)}, nil
}

func (pl Plugin) diffConfig(_ context.Context, r p.DiffRequest) (p.DiffResponse, error) {
	was, err := pl.decodeConfig(r.OldInputs)
	if err != nil {
		return p.DiffResponse{}, err
	}
	is, err := pl.decodeConfig(r.Inputs)
	if err != nil {
		return p.DiffResponse{}, err
	}
	diff := pl.Config.Diff(was, is)
	if pl.ReplaceConfig != nil && len(diff) > 0 {
		if name := pl.ReplaceConfig(was, is); name != "" {
			diff[name] = p.PropertyDiff{Kind: p.UpdateReplace, InputDiff: true}
		}
	}
	return p.DiffResponse{HasChanges: len(diff) > 0, DetailedDiff: diff}, nil
}

func (pl Plugin) configure(ctx context.Context, r p.ConfigureRequest) error {
	config, err := pl.decodeConfig(r.Args)
	if err != nil {
		return err
	}
	if faults := pl.Config.Failures("", config); len(faults) > 0 {
		var all []error
		for _, fault := range faults {
			all = append(all, fmt.Errorf("%s:%s: %s", pl.Name, fault.Property, fault.Reason))
		}
		return errors.Join(all...)
	}
	return pl.Configure(ctx, Plain(config))
}

// decodeConfig gives the configuration its types back. Provider resources get everything as strings: the engine encodes
// whatever is not a string as JSON, because configuration files know only strings.
func (pl Plugin) decodeConfig(config property.Map) (property.Map, error) {
	decoded := config
	for name, value := range config.All {
		input, known := pl.Config[name]
		switch {
		case strings.HasPrefix(name, "__"), name == "version", name == "pluginDownloadURL":
			// These are the engine's own, not the provider's.
			decoded = decoded.Delete(name)
		case known && input.Type != String && value.IsString():
			var plain any
			if err := json.Unmarshal([]byte(value.AsString()), &plain); err != nil {
				return property.Map{}, fmt.Errorf("%s:%s is not JSON: %w", pl.Name, name, err)
			}
			decoded = decoded.Set(name, Property(plain).WithSecret(value.Secret()))
		}
	}
	return decoded, nil
}

func (pl Plugin) invoke(ctx context.Context, r p.InvokeRequest) (p.InvokeResponse, error) {
	token := string(r.Token)
	function, ok := pl.Functions[token]
	if !ok {
		return p.InvokeResponse{}, status.Errorf(codes.NotFound,
			"function %q is not known to the sandbox's stand-in for pulumi-%s v%s", token, pl.Name, pl.Version)
	}
	if failures := function.Inputs.Failures(token, r.Args); len(failures) > 0 {
		return p.InvokeResponse{Failures: failures}, nil
	}
	result, err := function.Call(ctx, Plain(r.Args))
	if err != nil {
		if pl.Explain != nil {
			err = pl.Explain(token, err)
		}
		return p.InvokeResponse{}, err
	}
	return p.InvokeResponse{Return: Properties(result)}, nil
}
