// Package api holds what is said over HTTP: the bodies that tills, channels,
// IT, our own command line and the rehearsal share with agent and hub, and the
// codes of the problems they may get back.
//
// Promise: a body that passed Validate has no fault that can be seen without
// the state; what remains is the business's own answer. Validate lists every
// fault at once, each with the path of its field inside the body.
//
// The types are plain values without an owner and without behaviour beyond
// checking themselves. Struct tags (json, doc, example) feed the OpenAPI
// documents; no HTTP library is imported here. Quantities are decimals with at
// most three places, read from their literal and never through a float. Times
// are RFC 3339 in UTC. Positions are written incarnation.index.
//
// Names are promises to the clients: add fields, never rename or reuse one.
package api
