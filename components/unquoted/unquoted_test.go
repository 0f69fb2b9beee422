package unquoted_test

import (
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components/unquoted"
)

func ExampleDate() {
	fmt.Println(unquoted.Date("2012-10-17 00:00:00 +0000 UTC"))
	fmt.Println(unquoted.Date("2026-12-31 23:59:59.5 +0200 CEST"))
	fmt.Println(unquoted.Date("2012-10-17"))
	// Output:
	// 2012-10-17 true
	// 2026-12-31T23:59:59.5+02:00 true
	//  false
}

func ExampleLostAccount() {
	fmt.Println("1402433619" + unquoted.LostAccount("1402433619"))
	fmt.Println("99999999999" + unquoted.LostAccount("99999999999"))
	fmt.Println("111122223333" + unquoted.LostAccount("111122223333"))
	// Output:
	// 1402433619 (without them YAML reads 012345670123, for one, as an octal number)
	// 99999999999 (without them YAML reads 099999999999, for one, as a number and drops the 0)
	// 111122223333
}
