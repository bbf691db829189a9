package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/parleychat/parley/internal/config"
	"github.com/parleychat/parley/internal/limit"
	"github.com/parleychat/parley/internal/metrics"
	"github.com/parleychat/parley/ivschat"
)

func TestMetricsTellTheUseOfQuotas(t *testing.T) {
	r := start(t, func(c *config.Config) {
		c.Quotas = limit.AWS
		c.QuotasFor = []limit.Rule{{Region: "us-west-2", Limits: map[string]int{"rooms": 7, "send-message": 0}}}
	})
	url := r.metrics()
	account := r.server.Keys.AccessKey.Account
	key := func(name, quota string) string {
		return fmt.Sprintf("%s{account=%q,quota=%q,region=%q}", name, account, quota, "us-west-2")
	}
	room := r.room()
	r.room()
	c := r.connect(room, "ana")
	r.send(c, `{"Action":"DELETE_MESSAGE","Id":"abcdABCDefgh"}`)
	r.read(c)
	// A region that has nothing but calls is not shown: any can be made up.
	elsewhere := r.client(func(o *ivschat.Options) { o.Region = "made-up-1" })
	if _, err := elsewhere.ListRooms(t.Context(), &ivschat.ListRoomsInput{}); err != nil {
		t.Fatal(err)
	}
	samples, text := scrape(t, url)
	for sample, want := range map[string]float64{
		key("account_quota_use", "Rooms"): 2, key("account_quota_limit", "Rooms"): 7,
		key("account_quota_use", "Connections"): 1, key("account_quota_limit", "Connections"): 50_000,
		key("account_quota_limit", "API.CreateRoom"): 5, key("account_quota_limit", "DeleteMessage"): 100,
		`quota_limit{quota="Rooms"}`: 50_000,
	} {
		if got, ok := samples[sample]; !ok || got != want {
			t.Errorf("%s is %v, want %v", sample, got, want)
		}
	}
	for _, quota := range []string{"API.CreateRoom", "API.CreateChatToken", "DeleteMessage"} {
		if _, ok := samples[key("account_quota_use", quota)]; !ok {
			t.Errorf("no use of %s", quota)
		}
	}
	if _, ok := samples[key("account_quota_limit", "SendMessage")]; ok || strings.Contains(text, "made-up-1") {
		t.Errorf("what has no limit, or nothing, is shown:\n%s", text)
	}

	uses, err := metrics.ReadUses(t.Context(), url+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, u := range uses {
		if u.Account != account || u.Region != "us-west-2" {
			t.Errorf("the use of somebody else: %+v", u)
		}
		found[u.Quota] = u.Used
	}
	if found["Rooms"] != 2 || found["Connections"] != 1 {
		t.Errorf("read again: %v", found)
	}
	for _, wrong := range []string{url + "/elsewhere", "http://" + r.addr + "/healthz"} {
		if _, err := metrics.ReadUses(t.Context(), wrong); err == nil {
			t.Errorf("%s has metrics", wrong)
		}
	}
	c.Close(websocket.StatusNormalClosure, "")
	await(t, url, key("account_quota_use", "Connections"), 0)
}
