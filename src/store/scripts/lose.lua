-- Shared by reap and fsck: ends an attempt whose worker is gone. The caller has taken the run off the device, and
-- places the device afterwards.
-- @needs event, move, lines, place, limits, close_job, hold
--
-- At-most-once work past its point of no return becomes INDETERMINATE and its device is held, in this same script;
-- anything else goes back into its line, on a budget of its own. `unsure` says that the point may have been passed and
-- forgotten.

local LOST = '{"reason":"WORKER_LOST","message":"The worker was lost during the work."}'

local function lose(id, endpoint, unsure)
  local job = key('job', id)
  local run = call('HMGET', job, 'st', 'att', 'cls', 'it', 'sc', 'ex', 'loss', 'is', 'w')
  local from, attempt = run[1], run[2]
  if from == 'CANCELLING' and run[9] then call('SREM', key('cancels', run[9]), id) end
  call('HSET', job, 'z' .. attempt, '{"e":' .. now_text .. ',"x":' .. LOST .. '}')
  -- At least its first step may have been sent then.
  if unsure and not run[4] and run[3] == 'AT_MOST_ONCE' then call('HSET', job, 'it', now_text, 'is', '1') end
  local to, effect = nil, 'NONE'
  if (run[4] or unsure) and run[3] == 'AT_MOST_ONCE' then
    to = 'INDETERMINATE'
  elseif from == 'CANCELLING' and run[3] == 'IDEMPOTENT' and tonumber(run[8] or 0) > 0 then
    to, effect = 'FAILED', 'PARTIAL'
  elseif from == 'CANCELLING' then
    to = 'CANCELLED'
  elseif tonumber(run[7] or 0) >= LOSSES_ALLOWED then
    to = 'FAILED'
  end
  if to then
    call('HSET', job, 'st', to, 'e', now_text, 'err', LOST)
    if to == 'INDETERMINATE' then
      hold(endpoint, id)
    else
      call('HSET', job, 'eff', effect)
    end
    close_job(id, from, to, call('HMGET', job, unpack(CLOSING)))
  else
    to = 'QUEUED'
    yield_permits(id)
    move(id, from, to)
    local expires = expiry(id, run[3], run[6])
    call('HSET', job, 'st', to, 'qt', now_text, 'ex', expires)
    call('HINCRBY', job, 'ref', 1)
    call('HINCRBY', job, 'loss', 1)
    enter_line(id, endpoint, line_of(run[3]), run[5], expires)
  end
  announce(id, event(id, attempt, state_body(to) .. ',"x":' .. LOST))
end
