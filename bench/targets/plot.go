//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math"

	"github.com/parleychat/parley/internal/bench"
)

func framesPerRead(r *bench.Report) float64 { return r.Window.FramesPerRead }

// plot is CPU-seconds per million deliveries over something, as SVG.
type plot struct {
	file, title, x string
	series         []point
}

type point struct{ x, median, least, most float64 }

// The picture's size and the frame of its axes, in pixels.
const (
	width, height = 640, 320
	left, right   = 56, 620
	top, bottom   = 44, 270
)

func (p plot) svg() []byte {
	most := 1.0
	for _, s := range p.series {
		most = max(most, s.most)
	}
	most = math.Ceil(most/2) * 2
	from, to := math.Log10(p.series[0].x), math.Log10(p.series[len(p.series)-1].x)
	at := func(s point) float64 { return left + (right-left-20)*(math.Log10(s.x)-from)/(to-from) + 10 }
	up := func(v float64) float64 { return bottom - (bottom-top)*v/most }

	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14">%s</text>`+"\n", left, p.title)
	fmt.Fprintf(&b, `<text x="%d" y="36" fill="#566070">CPU-seconds of the server per million deliveries; bars are least and most</text>`+"\n", left)
	for i := range 5 {
		v := most * float64(i) / 4
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#d8dee6"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			left, right, up(v), up(v), left-6, up(v)+4, v)
	}
	b.WriteString(`<polyline fill="none" stroke="#0b57d0" stroke-width="2" points="`)
	for _, s := range p.series {
		fmt.Fprintf(&b, "%.1f,%.1f ", at(s), up(s.median))
	}
	b.WriteString(`"/>` + "\n")
	for _, s := range p.series {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#0b57d0"/><circle cx="%.1f" cy="%.1f" r="3.5" fill="#0b57d0"/>`+"\n",
			at(s), at(s), up(s.least), up(s.most), at(s), up(s.median))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%g</text><text x="%.1f" y="%.1f" text-anchor="middle">%.1f</text>`+"\n",
			at(s), bottom+18, s.x, at(s), up(s.most)-6, s.median)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n</svg>\n", (left+right)/2, bottom+38, p.x)
	return b.Bytes()
}
