package review

// Parse is parse for tests.
var Parse = parse

// Normal is normal for tests.
var Normal = normal
