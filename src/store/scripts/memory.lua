-- Shared by scripts that ask whether memory runs short. `tick` notes how full it is.

-- Per cent of maxmemory from which no new work is accepted, and from which output is not kept any more.
local MEMORY_FOR_WORK, MEMORY_FOR_OUTPUT = 80, 90

-- Whether this much of what Redis may use is used.
local function is_short(percent)
  return tonumber(call('HGET', key('gate'), 'full') or 0) >= percent
end
