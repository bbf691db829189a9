// Command scale works out how many nodes, and how much of NATS, loads take that no
// machine at hand can carry, from costs that were measured: costs.json. It prints the
// tables of docs/scale.md, and with -write puts them into the page.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	write := flag.String("write", "", "page to put the tables into, docs/scale.md")
	flag.Parse()
	if err := scale(*write, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func scale(page string, out io.Writer) error {
	c, err := readCosts(costsJSON)
	if err != nil {
		return err
	}
	tables := c.tables()
	if page == "" {
		for _, t := range tables {
			if _, err := fmt.Fprintf(out, "%s\n\n%s\n", t.name, t.text); err != nil {
				return err
			}
		}
		return nil
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	now, err := put(string(text), tables)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(now), 0o644)
}

// put replaces what is between the marks of each table.
func put(page string, tables []table) (string, error) {
	for _, t := range tables {
		begin, end := "<!-- table: "+t.name+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(page, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			return "", fmt.Errorf("there is no place for the table %s", t.name)
		}
		page = before + begin + t.text + end + after
	}
	return page, nil
}
