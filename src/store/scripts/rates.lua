-- Counts what a named queue takes and what of it ends, minute by minute. Kept for as long as somebody asks for.

local RATE_KEPT_S = 600

local function rate_key(queue, minute)
  return key('rate', queue .. ':' .. ms(minute))
end

-- `what` is 'in' or 'out'.
local function count_job(queue, what)
  local where = rate_key(queue, math.floor(now / 60000))
  if call('HINCRBY', where, what, 1) == 1 then call('EXPIRE', where, RATE_KEPT_S) end
end
