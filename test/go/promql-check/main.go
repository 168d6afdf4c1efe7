// Reads PromQL expressions, one a line, and says of each one that Prometheus would not take why.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	failed := false
	for lines.Scan() {
		if _, err := parser.ParseExpr(lines.Text()); err != nil {
			failed = true
			fmt.Printf("%s: %v\n", lines.Text(), err)
		}
	}
	if failed {
		os.Exit(1)
	}
}
