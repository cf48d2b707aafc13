-- Shared by scripts that bring a zone and a history together again.
-- @needs gate

-- Fences and numbers of registrations that were given out and are forgotten are not given out again.
local SKIPPED = 1000000

-- Notes that the zone is to be reconciled with the history `who`, once for each.
local function begin_reconciling(who)
  local gate = key('gate')
  if call('HGET', gate, 'for') == who then return end
  local fence = call('GET', key('fence')) or '0'
  -- Of what was forgotten before, not every journal has told yet.
  local known = call('HMGET', gate, 'for', 'fence', 'regs', 'roster')
  local untold = known[1] or #closed_by() > 0
  local number = known[4] or '0'
  call('HSET', gate, 'for', who, 'since', now_text, 'fence', untold and known[2] or fence,
    'regs', untold and known[3] or number, 'anew', ms(number + SKIPPED), 'roster', ms(number + SKIPPED))
  call('HDEL', gate, 'walked-DELAYED', 'walked-QUEUED')
  call('SET', key('fence'), ms(fence + SKIPPED))
  -- Who was unknown and waited for still is: whoever named them may be gone.
  call('UNLINK', key('replayed'))
end

-- Whether a worker is one that this Redis neither knows, nor waits for, nor has heard.
local function is_unknown(worker)
  return call('SISMEMBER', key('workers'), worker) == 0
    and call('SISMEMBER', key('closed'), 'worker/' .. worker) == 0
    and call('SISMEMBER', key('replayed'), worker) == 0
end

-- Closes the zone for changes until the journal of this worker is told. `mark`: what is remembered ends there.
local function close_for(worker, mark)
  call('SADD', key('closed'), 'worker/' .. worker)
  call('HSETNX', key('gate'), 'untold', ms(mark))
end
