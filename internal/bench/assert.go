package bench

// Assertion is one term of --assert and how it went.
type Assertion struct {
	Term   string  `json:"term"`
	Actual float64 `json:"actual"`
	Pass   bool    `json:"pass"`
}
