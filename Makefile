# make demo     deploy the dev environment on the sandbox, take it down again, show what there was, what is proven and who may
#               become what; with FORMAT=json the proofs are printed as JSON, alone on standard output
# make sandbox  deploy it and keep it running, to look around, until Ctrl-C
# make test     lint and every test
# make trust-map  draw who may become what as trust-map.svg, with graphviz: of the dev environment, which is deployed on the
#               sandbox for it, or with STACK=prod of a stack of yours
# make pictures draw the READMEs' pictures from their sources, with graphviz
# make mutants  take one guard at a time out of the code and see that a test fails: about 5 minutes
# make bench    measure what 50, 200 and 1,000 roles cost, with the components and without: 16 minutes on a quiet machine;
#               ROLES="50 200" takes these numbers, RUNS=3 measures thrice, CHECKPOINTS=1000 writes the state at every step of
#               so many roles, too, which is 200 otherwise
#
# They need Go, Python 3 with pip, for make test Node 20 or later with npm too, and nothing else: what else is missing is
# built or installed once, into the user's cache. The first time takes 10 to 20 minutes on 2 cores, most of it compiling
# Kubernetes and Pulumi.
#
# sandbox names commands of kubectl to try, where there is one on PATH.
#
# demo and sandbox take the AWS and Kubernetes plugins that Pulumi has released, where they are installed or can be
# downloaded, and else build Pulumi's Kubernetes plugin and a stand-in for the AWS plugin; test downloads none.
# PLUGINS=official and PLUGINS=built allow only the one or the other.

# On a fresh machine most of the time goes into compiling. Without optimisation, inlining and debug information that takes a
# third less. The standard library is optimised all the same: TLS and JSON are most of what the sandbox does. Every build gets
# these flags, as the Go tool compiles a package again for others.
export GOFLAGS := $(GOFLAGS) '-gcflags=all=-N -l -dwarf=false' -gcflags=std=-dwarf=false

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

LINT := go -C tests/lint build -o ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
MODULES := . components/plugin tests/kubernetes-plugin tests/kubernetes-plugin/sdk tests/sandbox tests/sandbox/argocdlogin

.PHONY: demo sandbox test unit lint e2e mutants bench graphviz trust-map pictures cover fmt clean

demo: bin/sandbox
	@bin/sandbox demo

sandbox: bin/sandbox
	@bin/sandbox serve

test: unit cover lint e2e

# The mocked graphs, the policy package, the aws-auth plugin and Argo CD's login: seconds, once compiled.
unit:
	@echo "== unit tests"
	go test ./...
	go -C components/plugin test ./...
	go -C tests/sandbox/argocdlogin test ./...

lint:
	@echo "== lint (the first time builds golangci-lint, about 4 minutes)"
	@$(LINT)
	@for module in $(MODULES); do echo "lint $$module" && (cd $$module && $(CURDIR)/bin/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

# Real API servers, a real engine, the AWS endpoint. Two packages are tested in their own folders, because go test shows
# their counts only there.
e2e: bin/sandbox
	@echo "== sandbox tests"
	@bin/sandbox prepare
	go -C tests/sandbox test -timeout 30m -p 1 $$(go -C tests/sandbox list ./... | grep -v -e /sandbox$$ -e /attack$$)
	@echo "== attacks"
	go -C tests/sandbox/attack test -timeout 10m
	@echo "== end to end"
	go -C tests/sandbox test -timeout 60m

# First, so that nobody waits for a build to hear of it.
graphviz:
	@command -v dot >/dev/null || { echo "pictures are drawn with dot, which is not on PATH: install graphviz" >&2; exit 1; }

trust-map: graphviz $(if $(STACK),,bin/sandbox)
	@$(if $(STACK),pulumi stack output --json --stack "$(STACK)",bin/sandbox outputs) > trust-map.json
	@go run ./stacks/trustmap --format dot < trust-map.json | dot -Tsvg -o trust-map.svg
	@rm trust-map.json
	@echo "drawn: trust-map.svg"

pictures: graphviz
	for picture in components/irsa stacks/argocd stacks/trust-map tests/sandbox/sandbox; do dot -Tsvg $$picture.dot -o $$picture.svg; done

mutants:
	@go -C tests/sandbox run ./cmd/mutants

bench:
	go -C tests/sandbox build -o ../../bin/bench ./cmd/bench
	@bin/bench $(if $(RUNS),-runs $(RUNS)) $(if $(CHECKPOINTS),-checkpoints $(CHECKPOINTS)) $(ROLES)

# Coverage of the components and the stack by the mocked tests alone; less than 90 % fails.
cover:
	go test -coverpkg=./components,./components/fielderr,./components/testpod,./stacks -coverprofile=coverage.out ./tests
	@go tool cover -func=coverage.out | awk '/^total:/ {print "coverage of components and stacks: " $$3; exit ($$3 + 0 < 90)}'

fmt:
	@$(LINT)
	@for module in $(MODULES); do (cd $$module && $(CURDIR)/bin/golangci-lint fmt --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: bin/sandbox
bin/sandbox:
	@test -x $@ || echo "building the sandbox: the first time about 4 minutes on 2 cores ..." >&2
	@(while sleep 15 >/dev/null 2>&1; do echo "building the sandbox: still at it" >&2; done) & ticker=$$!; \
	trap "kill $$ticker" EXIT; go -C tests/sandbox build -o ../../bin/sandbox ./cmd/sandbox

clean:
	rm -rf bin coverage.out trust-map.json trust-map.svg
