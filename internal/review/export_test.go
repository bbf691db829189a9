package review

// Parse is parse for tests.
var Parse = parse

// Plain is plain for tests.
func Plain(s string) string { return string(plain(s)) }

// Normal is normal for tests.
var Normal = normal
