#!lua flags=allow-oom
-- Checks each device: its owner, its run, its hold, its lock, and whether it stands where a claim looks for it.
-- @include event, move, hold, lines, place, freezes, limits, rates, close_job, lose, fsck
--
-- ARGV  3… endpoints, at most 100
-- Cost  O(endpoints · log n)

local function check(endpoint)
  local where = key('ep', endpoint)
  local device = read(where, 'own', 'run', 'f', 'hold', 'lock', 'locker', 'locked', 'skill')
  local owner = device.own

  if device.f and tonumber(device.f) > tonumber(call('GET', key('fence')) or 0) then
    found(endpoint, 'fence-grows', key('fence'), 'it is behind the fence of ' .. endpoint, function()
      call('SET', key('fence'), device.f)
    end)
  end

  local run = device.run and read(key('job', device.run), 'st', 'ep', 'w', 'f')
  local matches = run and is_running(run.st) and run.ep == endpoint and run.w == owner and run.f == device.f
  local function end_run()
    call('HDEL', where, 'run')
    place(endpoint)
  end
  if run and not run.st then
    found(endpoint, 'run-has-its-job', where, 'it runs ' .. device.run .. ', which is lost: nobody can say what it does',
      by_person(end_run))
  elseif run and not matches then
    found(endpoint, 'device-runs-a-job', where, 'it says that ' .. device.run .. ' runs, which the job does not', end_run)
  end

  local state = owner and call('HGET', key('worker', owner), 'st')
  if owner and (not state or state == 'dead') then
    found(endpoint, 'owner-lives', where, 'its owner ' .. owner .. ' is ' .. (state or 'not known'), function()
      local left = call('HGET', where, 'run')
      if left then
        call('HDEL', where, 'run')
        lose(left, endpoint)
      end
      let_go(endpoint, owner)
      place(endpoint)
    end)
    return
  end
  if owner and not in_set(key('owned', owner), endpoint) then
    found(endpoint, 'owner-knows', key('owned', owner), endpoint .. ' is not in it', function()
      call('SADD', key('owned', owner), endpoint)
    end)
  end

  local holds_first = call('ZRANGE', key('holds', endpoint), 0, 0)[1]
  if (device.hold or holds_first) and not (device.hold and score_of(key('holds', endpoint), device.hold)) then
    local job = device.hold and read(key('job', device.hold), 'st', 'rsl')
    local function mend()
      if holds_first then call('HSET', where, 'hold', holds_first) else call('HDEL', where, 'hold') end
      place(endpoint)
    end
    if job and not job.st and not holds_first and not string.find(device.hold, '^worker/') and device.hold ~= 'restore' then
      mend = by_person(mend)
    end
    -- A job in doubt takes its place among the holds again, where it is looked at itself.
    if not (job and job.st == 'INDETERMINATE' and not job.rsl) then
      found(endpoint, 'hold-has-a-job', where, 'its hold is not among the jobs that hold it', mend)
    end
  end

  if (device.lock and 1) ~= (device.locker and 1) or (device.lock and 1) ~= (device.locked and 1) then
    found(endpoint, 'lock-is-whole', where, 'parts of its lock are missing')
  else
    local expires = device.locked and tonumber(string.match(device.locked, '"expireMs":(%d+)}$'))
    local due = score_of(key('locks'), endpoint)
    if due ~= (expires or false) and (due or expires) then
      found(endpoint, 'lock-ends', key('locks'), endpoint .. ' is not in it as its lock says', function()
        if expires then call('ZADD', key('locks'), expires, endpoint) else call('ZREM', key('locks'), endpoint) end
      end)
    end
  end

  -- Where `place` would put it.
  local score, id
  if not call('HGET', where, 'run') then score, id = head(endpoint, gates(endpoint)) end
  score = score and tonumber(score) or false
  local skill = not owner and id and call('HGET', key('job', id), 'skill') or ''
  local ready = (device.skill or '') == skill and score_of(ready_list(skill), endpoint)
  local warm = owner and score_of(key('warm', owner), endpoint)
  local handed = score_of(key('handoff'), endpoint)
  if ready ~= (not owner and score) or warm ~= (owner and score) or (handed and true) ~= (owner and score and true) then
    found(endpoint, 'device-in-its-place', where, 'what can start there is not where a claim looks, or the reverse', function()
      call('ZREM', ready_list(device.skill), endpoint)
      if skill ~= '' or device.skill then call('HSET', where, 'skill', '') end
      if owner then call('ZREM', key('warm', owner), endpoint) end
      place(endpoint)
      if not call('HGET', where, 'own') then call('ZREM', key('handoff'), endpoint) end
    end)
  end

  if string.sub(endpoint, 1, 4) == 'job/' and call('EXISTS', where) == 1 and not call('HGET', where, 'run') then
    local waits = call('EXISTS', key('reads', endpoint), key('changes', endpoint), key('later', endpoint)) > 0
    if not waits and call('EXISTS', key('holds', endpoint)) == 0 then
      found(endpoint, 'own-line-ends', where, 'its job waits and runs no more', function() drop_own(endpoint) end)
    end
  end
end

for i = 3, #ARGV do check(ARGV[i]) end
return findings
