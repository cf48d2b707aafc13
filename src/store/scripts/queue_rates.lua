#!lua flags=allow-oom
-- Says how much a named queue took and how much of it ended lately: in this minute and the five before it.
-- @include rates
--
-- ARGV  2 queue
-- Gives {jobs accepted, jobs that ended, milliseconds in which they did}
-- Cost  O(1)

local minute = math.floor(now / 60000)
local accepted, ended = 0, 0
for back = 0, 5 do
  local counts = call('HMGET', rate_key(ARGV[2], minute - back), 'in', 'out')
  accepted = accepted + (counts[1] or 0)
  ended = ended + (counts[2] or 0)
end
return { accepted, ended, 300000 + now % 60000 }
