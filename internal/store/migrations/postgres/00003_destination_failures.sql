-- +goose Up

-- How each logging configuration's destination last failed, for operators.
CREATE TABLE destination_failures (
    logging_configuration TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since                 BIGINT NOT NULL,
    last                  BIGINT NOT NULL,
    recovered             BIGINT NOT NULL, -- 0 while it fails
    error                 TEXT   NOT NULL
);

-- +goose Down

DROP TABLE destination_failures;
