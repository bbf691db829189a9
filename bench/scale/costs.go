package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed costs.json
var costsJSON []byte

// cost is one figure that all others follow from.
type cost struct {
	Name  string  `json:"name"`
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Least float64 `json:"least"` // of the runs that Value is the median of, if known
	Most  float64 `json:"most"`
	Unit  string  `json:"unit"`
	From  string  `json:"from"`
}

// costs are the figures, in the order of the page.
type costs struct {
	list  []cost
	named map[string]cost
}

func readCosts(text []byte) (*costs, error) {
	c := &costs{named: map[string]cost{}}
	if err := json.Unmarshal(text, &c.list); err != nil {
		return nil, fmt.Errorf("read costs: %w", err)
	}
	for _, one := range c.list {
		if _, twice := c.named[one.Name]; twice || one.Value <= 0 || one.From == "" {
			return nil, fmt.Errorf("cost %q is there twice, or has no value, or comes from nowhere", one.Name)
		}
		c.named[one.Name] = one
	}
	return c, nil
}

// of is a figure in its own unit.
func (c *costs) of(name string) float64 {
	one, ok := c.named[name]
	if !ok {
		panic("there is no cost " + name)
	}
	return one.Value
}

// seconds is a figure that is in microseconds.
func (c *costs) seconds(name string) float64 { return c.of(name) / 1e6 }
