-- Shared by scripts that bring a zone and a history together again.
-- @needs gate

-- Fences that were given out and are forgotten are not given out again.
local FENCES_SKIPPED = 1000000

-- Notes that the zone is to be reconciled with the history `who`, once for each.
local function begin_reconciling(who)
  local gate = key('gate')
  if call('HGET', gate, 'for') == who then return end
  local fence = call('GET', key('fence')) or '0'
  -- Of what was forgotten before, not every journal has told yet.
  local known = call('HMGET', gate, 'for', 'fence')
  local untold = known[1] or #closed_by() > 0
  call('HSET', gate, 'for', who, 'since', now_text, 'fence', untold and known[2] or fence)
  call('HDEL', gate, 'walked-DELAYED', 'walked-QUEUED')
  call('SET', key('fence'), ms(fence + FENCES_SKIPPED))
  call('UNLINK', key('replayed'), key('unknown'))
end
