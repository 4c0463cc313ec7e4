package api

import (
	"net/url"
	"strconv"
	"time"

	"gatehouse/tenancy"
)

// ListInput is what every list takes.
type ListInput struct {
	Search   string `query:"search" doc:"Words that have to occur."`
	Ordering string `query:"ordering" doc:"A column, with - before it for descending."`
	Page     string `query:"page" doc:"From 1."`
	PageSize string `query:"page_size" doc:"Rows of a page, at most 100."`
	Cursor   string `query:"cursor" doc:"From next or previous of another page; then page is for display only."`
}

func query(in ListInput) (tenancy.Query, error) {
	return tenancy.ParseQuery(in.Search, in.Ordering, in.Page, in.PageSize, in.Cursor)
}

// list is a page in the form of the described system.
type list[T any] struct {
	Count      int     `json:"count" doc:"Of all pages. Above 10,000 it may be up to a minute old."`
	CountExact bool    `json:"count_exact"`
	Next       *string `json:"next" doc:"Address of the page after this."`
	Previous   *string `json:"previous"`
	Results    []T     `json:"results"`
}

type listOutput[T any] struct {
	Body list[T]
}

// listed writes a page. Addresses of other pages repeat the request's parameters.
func listed[From, To any](a *API, c caller, page tenancy.Page[From], write func(From) To) *listOutput[To] {
	out := &listOutput[To]{Body: list[To]{Count: page.Count, CountExact: page.CountExact, Results: make([]To, len(page.Items))}}
	for i, item := range page.Items {
		out.Body.Results[i] = write(item)
	}
	out.Body.Next = a.pageURL(c, page.Next, page.Number+1)
	out.Body.Previous = a.pageURL(c, page.Previous, page.Number-1)
	return out
}

func (a *API) pageURL(c caller, cursor string, number int) *string {
	if cursor == "" {
		return nil
	}
	parameters := url.Values{}
	for name, values := range c.parameters {
		parameters[name] = values
	}
	parameters.Set("cursor", cursor)
	parameters.Set("page", strconv.Itoa(number))
	address := a.Issuer + c.path + "?" + parameters.Encode()
	return &address
}

// flag reads a filter that is true, false or not there.
func flag(field, text string) (*bool, error) {
	switch text {
	case "":
		return nil, nil
	case "true", "True", "1":
		yes := true
		return &yes, nil
	case "false", "False", "0":
		no := false
		return &no, nil
	default:
		return nil, fieldProblem(field, "This is not true or false.")
	}
}

// instant reads a time or a day, "" for none.
func instant(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed.UTC(), nil
		}
	}
	return time.Time{}, fieldProblem(field, "This is not a time such as 2026-03-01T12:00:00Z or a day such as 2026-03-01.")
}

func period(from, to string) (tenancy.Period, error) {
	begin, err := instant("from", from)
	if err != nil {
		return tenancy.Period{}, err
	}
	end, err := instant("to", to)
	return tenancy.Period{From: begin, To: end}, err
}
