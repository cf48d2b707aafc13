#!lua flags=allow-oom
-- Checks that each job stands wherever its state says it must.
-- @include event, move, hold, lines, place, freezes, limits, rates, close_job, lose, fsck
--
-- ARGV  3… job ids, at most 100
-- Cost  O(jobs · log n)

local CLASSES = { READ_ONLY = true, IDEMPOTENT = true, AT_MOST_ONCE = true }

local function check(id)
  local job = key('job', id)
  local facts = read(job, 'st', 'ep', 'cls', 'sc', 'ex', 'w', 'f', 'n', 'parked', 'permits', 'queue', 'rt', 'sa',
    'rsl', 's', 'e', 'ob', 'gone', 'request', 'can', 'def', 'run', 'del')
  local state, endpoint, line = facts.st, facts.ep, line_of(facts.cls)
  if not state then
    -- It was purged meanwhile, unless something is left under its name.
    if call('EXISTS', job) == 1 then found(id, 'job-fields', job, 'it has no state') end
    return
  end
  if not (is_live(state) or FINAL[state]) or not endpoint or not facts.def or not tonumber(facts.sc) or not tonumber(facts.ex)
    or not CLASSES[facts.cls] then
    found(id, 'job-fields', job, 'its state, endpoint or class cannot be')
    return
  end

  local definition = cjson.decode(facts.def)
  if is_running(state) then
    local device = read(key('ep', endpoint), 'own', 'run', 'f')
    if device.run ~= id or device.own ~= facts.w or device.f ~= facts.f then
      found(id, 'run-has-device', job, 'it runs, but ' .. endpoint .. ' does not say so', function()
        if device.run == id then call('HDEL', key('ep', endpoint), 'run') end
        lose(id, endpoint)
        place(endpoint)
      end)
      return
    end
    if state == 'CANCELLING' and not in_set(key('cancels', facts.w), id) then
      found(id, 'cancel-is-told', key('cancels', facts.w), 'job ' .. id .. ' is to stop, and its worker is not told', function()
        call('SADD', key('cancels', facts.w), id)
      end)
    end
    if facts.queue and not (facts.permits and in_set(key('permits', 'queue/' .. facts.queue), id)) then
      found(id, 'run-has-permit', key('permits', 'queue/' .. facts.queue), 'job ' .. id .. ' runs without it', function()
        call('SADD', key('permits', 'queue/' .. facts.queue), id)
        call('HSET', job, 'permits', 1)
      end)
    end
  end

  local function index(name)
    if not score_of(key(name), id) then
      found(id, 'job-in-index', key(name), 'job ' .. id .. ' is not in it', function()
        call('ZADD', key(name), 0, id)
      end)
    end
  end
  index('ix:state:' .. state)
  if facts.del then index('ix:deleted:' .. state) end
  if definition.addr ~= '' then index('ix:device:address/' .. string.lower(definition.addr)) end
  if definition.node then index('ix:device:node/' .. definition.node) end
  if definition.dev then index('ix:device:device/' .. definition.dev) end
  if facts.run then index('ix:run:' .. string.match(facts.run, '^%S+')) end

  local function stands(set, score, invariant)
    if score_of(set, id) ~= tonumber(score) then
      found(id, invariant, set, 'job ' .. id .. ' is not where it must be in it', function()
        call('ZADD', set, score, id)
      end)
    end
  end
  local function is_aside()
    if not in_set(key('later', endpoint), id) then
      found(id, 'aside-is-known', key('later', endpoint), 'job ' .. id .. ' waits aside and is not in it', function()
        call('SADD', key('later', endpoint), id)
      end)
    end
  end

  if is_waiting(state) then stands(key('expire'), facts.ex, 'wait-expires') end
  if state == 'DELAYED' then
    stands(key('delayed'), facts.rt or facts.sa or now_text, 'delayed-is-due')
    is_aside()
  elseif state == 'QUEUED' and facts.parked and score_of(key('parked', facts.parked), id) then
    stands(key('parked', facts.parked), facts.sc, 'parked-in-order')
    is_aside()
    if not in_set(key('crowds'), facts.parked) then
      found(id, 'parked-has-crowd', key('crowds'), facts.parked .. ' is not in it', function()
        call('SADD', key('crowds'), facts.parked)
      end)
    end
  elseif state == 'QUEUED' then
    local score = score_of(key(line, endpoint), id)
    local locker = call('HGET', key('ep', endpoint), 'locker')
    local passes = locker and locker == definition.by
    if score ~= tonumber(facts.sc) or (passes and score_of(key(line .. '-pass', endpoint), id) ~= score) then
      found(id, 'queued-in-line', key(line, endpoint), 'job ' .. id .. ' is not at its place in it', function()
        unpark(id, endpoint, line, facts.sc, facts.ex)
        place(endpoint)
      end)
    end
  end

  if facts.queue and is_live(state) then
    if not score_of(key('queue', facts.queue), id) or not in_set(key('queues'), facts.queue) then
      found(id, 'job-in-queue', key('queue', facts.queue), 'job ' .. id .. ' is not in it', function()
        call('ZADD', key('queue', facts.queue), 'NX', call('HGET', job, 'ct') or now, id)
        call('SADD', key('queues'), facts.queue)
      end)
    end
  end

  if FINAL[state] then
    local unresolved = state == 'INDETERMINATE' and not facts.rsl
    local done = key(state == 'SUCCEEDED' and 'done:good' or 'done:bad')
    if not unresolved and not score_of(done, id) then
      found(id, 'end-is-kept', done, 'job ' .. id .. ' is not in it and would never be purged', function()
        call('ZADD', done, facts.e or now, id)
      end)
    end
    if unresolved and not score_of(key('holds', endpoint), id) then
      found(id, 'doubt-holds', key('holds', endpoint), 'job ' .. id .. ' is unresolved and does not hold its device', function()
        hold(endpoint, id)
        place(endpoint)
      end)
    end
    if facts.ob and not facts.gone and not score_of(key('outputs'), id) then
      found(id, 'output-is-counted', key('outputs'), 'job ' .. id .. ' is not in it', function()
        call('ZADD', key('outputs'), facts.e or now, id)
      end)
    end
  end
  if facts.ob and not facts.gone then
    local length = call('STRLEN', key('output', id))
    if length ~= tonumber(facts.ob) then
      local mend = FINAL[state] and function()
        call('UNLINK', key('output', id))
        call('ZREM', key('outputs'), id)
        call('HSET', job, 'gone', 1)
      end or nil
      found(id, 'output-is-whole', key('output', id), 'it has ' .. length .. ' of ' .. facts.ob .. ' bytes', mend)
    end
  end

  local events = key('events', id)
  -- What the job itself says is not stored: when it was accepted, and as what; then that its first attempt started; and
  -- how it ended, unless nobody knows.
  local count, last = call('LLEN', events), tonumber(facts.n)
  local function number(at)
    local stored = call('LINDEX', events, at)
    return stored and tonumber(string.match(stored, '^{"n":(%d+),'))
  end
  local before, stored = facts.s and 2 or 1, nil
  if count > 0 then
    stored = number(-1)
    -- A list that was cut begins anywhere.
    local whole = number(0) == 2 or (number(0) == 3 and facts.s) or count >= EVENTS_KEPT
    if not whole or number(0) ~= stored - count + 1 then stored = nil end
  else
    stored = before
  end
  local untold = FINAL[state] and state ~= 'INDETERMINATE' and facts.s
  if last ~= stored and not (untold and last == (stored or 0) + 1) then
    found(id, 'events-have-no-gap', events, count .. ' events, the last of which should have the number ' .. (facts.n or '?'))
  end
  for request in string.gmatch(facts.request or '', '%S+') do
    if call('EXISTS', key('request', request)) == 0 then
      found(id, 'request-is-known', key('request', request), 'the request of job ' .. id .. ' could be taken twice')
    end
  end
end

for i = 3, #ARGV do check(ARGV[i]) end
return findings
