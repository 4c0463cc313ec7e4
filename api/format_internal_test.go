package api

import (
	"encoding/json"
	"strings"
	"testing"
)

type fuzzBody struct {
	Name   string           `json:"name"`
	Age    int              `json:"age"`
	Flag   optional[bool]   `json:"flag"`
	Custom map[string]any   `json:"custom"`
	List   []optional[int]  `json:"list"`
	Inner  optional[[]bool] `json:"inner"`
}

// What is read is what encoding/json reads, and never more.
func FuzzUnmarshalJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"a","age":1,"flag":null,"custom":{"a":[{}]},"list":[1,null]}`, `{"a":1,"a":2}`, `[[[[`, "\xff", `{"age":1e400}`, `{"name":"\u0000"}`, `{} {}`, `{"inner":[true]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var strict, lax fuzzBody
		err := unmarshalJSON(data, &strict)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("refused without a word")
			}
			return
		}
		if lost := json.Unmarshal(data, &lax); lost != nil {
			t.Errorf("%q was read, and encoding/json says %v", data, lost)
		}
		if strings.Contains(strict.Name, "\x00") {
			t.Errorf("%q has U+0000", strict.Name)
		}
	})
}

func FuzzUnmarshalForm(f *testing.F) {
	for _, seed := range []string{"", "name=a&age=1&flag=true", "name=a&name=b", "%zz", "a=%00", "name=%ff", "custom=x", ";=&&=;"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var read fuzzBody
		if err := unmarshalForm(data, &read); err == nil && strings.Contains(read.Name, "\x00") {
			t.Errorf("%q has U+0000", read.Name)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("", "-username", "1", "10", "")
	f.Add("a b", "x", "-1", "101", "eyJhIjoxfQ")
	f.Add("\x00", "", "9999999999999999999", "0", "%%%")
	f.Fuzz(func(t *testing.T, search, ordering, page, size, cursor string) {
		q, err := query(ListInput{Search: search, Ordering: ordering, Page: page, PageSize: size, Cursor: cursor})
		if err == nil && (q.Page < 0 || q.Size < 0) {
			t.Errorf("%+v", q)
		}
	})
}
