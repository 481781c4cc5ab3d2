package api_test

import (
	"strings"
	"testing"
)

func TestTransfersOfPlacesWithoutAnAgent(t *testing.T) {
	inShop(t, func(c *client) {
		sent := c.post(201, "/v1/movements", `{"source":"wms","document":"D1","location":"DC","lines":[{"movement":"dispatch","item":"B","quantity":2,"other":"S1"}]}`)
		if sent["transfer"] != "wms/D1" {
			c.t.Errorf("sent %v", sent)
		}
		c.post(201, "/v1/movements", `{"source":"wms","document":"D2","location":"S1","lines":[{"movement":"arrive","item":"B","quantity":1,"other":"DC","of":"wms/D1"}]}`)
		early := c.post(201, "/v1/movements", `{"source":"wms","document":"D3","location":"S2","lines":[{"movement":"arrive","item":"B","quantity":1,"other":"DC","of":"wms/D4"}]}`)
		if early["transfer"] != nil {
			c.t.Errorf("an arrival opens %v", early)
		}
		if line := c.get("/v1/availability?item=B&location=DC").list("data")[0]; quantity(c.t, line, "quantity") != "2" {
			c.t.Errorf("availability at the origin %v", line)
		}
		var open []answer
		sizes := c.pages("/v1/transfers?limit=1", func(row answer) { open = append(open, row) })
		if len(sizes) != 2 || open[0]["id"] != "wms/D1" || open[0]["from"] != "DC" || open[0]["dispatched"] != true || open[1]["dispatched"] != false {
			c.t.Errorf("open are %v", open)
		}
		line := answer(open[0]).list("lines")[0]
		if line["at"] != "S1" || quantity(c.t, line, "quantity") != "1" || line["disposition"] != "sellable" {
			c.t.Errorf("in transit %v", line)
		}
		if got := c.get("/v1/transfers?location=S2").list("data"); len(got) != 1 || got[0]["id"] != "wms/D4" {
			c.t.Errorf("at S2 %v", got)
		}
		if closed := c.post(200, "/v1/transfers/wms%2FD1/close", `{"reason":"lost"}`); closed["id"] != "wms/D1" || closed["position"] != c.position() {
			c.t.Errorf("closed %v", closed)
		}
		c.post(404, "/v1/transfers/wms%2FD1/close", `{"reason":"lost"}`)
		c.post(422, "/v1/transfers/wms%2FD1/close", `{}`)
		again := c.post(201, "/v1/movements", `{"source":"wms","document":"D5","location":"S1","lines":[{"movement":"arrive","item":"B","quantity":1,"other":"DC","of":"wms/D1"}]}`)
		if !strings.Contains(again.list("outcomes")[0]["effect"].(string), "duplicate_arrival") {
			c.t.Errorf("arrived again %v", again)
		}
		if e := c.get("/v1/exceptions").list("data"); len(e) != 1 || e[0]["kind"] != "duplicate_arrival" || e[0]["transfer"] != "wms/D1" || e[0]["item"] != "B" {
			c.t.Errorf("exceptions %v", e)
		}
		for _, body := range []string{`{"movement":"dispatch","item":"B","quantity":1}`, `{"movement":"arrive","item":"B","quantity":1,"other":"DC"}`,
			`{"movement":"sale","item":"B","quantity":1,"other":"DC"}`, `{"movement":"dispatch","item":"B","quantity":1,"other":"S1","account":"scrap"}`,
			`{"movement":"count","item":"B","quantity":1}`} {
			c.post(422, "/v1/movements", `{"document":"bad","location":"DC","lines":[`+body+`]}`)
		}
	})
}
