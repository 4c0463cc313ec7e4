// Package login is the browser's way in: authorize → password or connector → factor → organization → code.
//
// A sign-in in progress is a Flow, kept on the server and readable only by the browser that began it. Steps do not know each
// other: each changes the flow and redirects to /signin, where next, a pure function, decides what comes after. Nothing durable
// is written before somebody has signed in.
package login
