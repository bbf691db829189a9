package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/parleychat/parley/internal/limit"
)

const (
	quotaUse   = "account_quota_use"
	quotaLimit = "account_quota_limit"
)

// uses shows what accounts use of their quotas, asked anew for each scrape.
type uses struct {
	of          func() []limit.Use
	used, limit *prometheus.Desc
}

// Uses shows what accounts use of their quotas. of is called for each scrape and
// returns each account, region and quota once.
func (m *Metrics) Uses(of func() []limit.Use) {
	labels := []string{"account", "region", "quota"}
	m.registry.MustRegister(&uses{
		of: of,
		used: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", quotaUse),
			"What an account uses of a quota in a region; of a rate, what it was allowed within a second.", labels, nil),
		limit: prometheus.NewDesc(prometheus.BuildFQName(namespace, "", quotaLimit),
			"The limit of what an account uses in a region; there is none where there is no limit.", labels, nil),
	})
}

// Describe implements prometheus.Collector.
func (u *uses) Describe(to chan<- *prometheus.Desc) {
	to <- u.used
	to <- u.limit
}

// Collect implements prometheus.Collector.
func (u *uses) Collect(to chan<- prometheus.Metric) {
	for _, use := range u.of() {
		labels := []string{use.Account, use.Region, use.Quota}
		to <- prometheus.MustNewConstMetric(u.used, prometheus.GaugeValue, float64(use.Used), labels...)
		if use.Most > 0 {
			to <- prometheus.MustNewConstMetric(u.limit, prometheus.GaugeValue, float64(use.Most), labels...)
		}
	}
}

// readWithin bounds a read of a server's metrics, and maxMetrics their length.
const (
	readWithin = 10 * time.Second
	maxMetrics = 64 << 20
)

// ReadUses returns what the server whose metrics are at the URL shows of the use
// of quotas, without limits.
func ReadUses(ctx context.Context, url string) ([]limit.Use, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics: %s answers %s", url, response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(http.MaxBytesReader(nil, response.Body, maxMetrics))
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", url, err)
	}
	// One that nobody uses shows no use.
	if _, ours := families[namespace+"_messaging_requests_total"]; !ours {
		return nil, errors.New("read metrics: no server of this kind has its metrics at " + url)
	}
	var found []limit.Use
	for _, m := range families[namespace+"_"+quotaUse].GetMetric() {
		found = append(found, use(m))
	}
	return found, nil
}

func use(m *dto.Metric) limit.Use {
	u := limit.Use{Used: int(m.GetGauge().GetValue())}
	for _, l := range m.GetLabel() {
		switch l.GetName() {
		case "account":
			u.Account = l.GetValue()
		case "region":
			u.Region = l.GetValue()
		case "quota":
			u.Quota = l.GetValue()
		}
	}
	return u
}
