#!lua flags=allow-oom
-- Tells the time by which everything is decided.
--
-- Gives milliseconds since the epoch
-- Cost  O(1)

return now_text
