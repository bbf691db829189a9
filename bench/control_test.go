package bench_test

import (
	"net/http"
	"testing"
)

// BenchmarkControlPlane is calls over loopback on a few kept connections, each
// with its signature verified. The client sends bytes it has made before.
func BenchmarkControlPlane(b *testing.B) {
	_, address, arn := serve(b, false)
	for _, bm := range []struct{ operation, body string }{
		{"GetRoom", `{"identifier":"` + arn + `"}`},
		{"CreateChatToken", `{"roomIdentifier":"` + arn + `","userId":"ana","capabilities":["SEND_MESSAGE"],"attributes":{"displayName":"Ana"}}`},
	} {
		b.Run(bm.operation, func(b *testing.B) {
			request := wire(b, signed(b, address, bm.operation, bm.body))
			b.SetParallelism(4)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			b.RunParallel(func(pb *testing.PB) {
				c := dial(b, address)
				defer c.Close()
				for pb.Next() {
					if err := c.call(request, http.StatusOK); err != nil {
						b.Error(err)
						return
					}
				}
			})
			report(b, cpu(b)-before, "call")
		})
	}
}
