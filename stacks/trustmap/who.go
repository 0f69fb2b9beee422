package main

import (
	"flag"
	"io"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks/trust"
)

// who tells of the roles that IAM describes on the standard input who may assume each.
func who(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("trustmap who", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "for programs")
	if err := parse(flags, args); err != nil {
		return err
	}
	roles, err := trust.Review(in)
	if err != nil {
		return err
	}
	if *asJSON {
		return writeJSON(out, roles)
	}
	return writeText(out, trust.WhoText(roles))
}
