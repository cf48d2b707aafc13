-- Accepts jobs, each for itself: what is refused keeps nothing else from being accepted.
-- @include gather, items, gate, memory, event, move, hold, lines, place, freezes, limits, rates, close_job, obstacle
--
-- ARGV  for each job: its id · endpoint · class · priority's worth in microseconds · queue timeout
--       in milliseconds · its definition, what scripts seldom need, as JSON · its spec · up to three tokens of the device
--       index · request (key) · print (fingerprint of the request) · and by name, if any, what it has of:
--       start (time in milliseconds) · secret (sealed) · queue (named) · dedupe (key) · policy (REJECT, JOIN, REPLACE)
--       blocked ('fail': it is not to wait for anything but its device's work) · rof (the job it retries) · retain
--       (METADATA, NONE) · run ("<run> <target's index>") · skill (what it asks of a worker)
-- Gives for each job {state, now, expires} · {'REPLAYED', id} · {'REUSED', id} · {'CLOSED'} (the device is being
--       removed) · {'DUPLICATE', id} · {'JOINED', id} · {'NOT_RETRYABLE', state} · {'SHUT', what the
--       zone is closed for, …} (it is being reconciled: a change may have been accepted and forgotten) · {'HIDDEN'} (the
--       server hides its identity) · {'FULL'} (memory runs short) · {'ERROR', why}
-- Cost  O(jobs · log n) in the lengths of the lines and the indexes

local limited = call('EXISTS', key('limits'), key('paused')) > 0
local jobs, expire, token_index = root .. ':job:', key('expire'), root .. ':ix:device:'
local full_store = is_short(MEMORY_FOR_WORK)

-- Why no change is accepted, asked once a call.
local asked, shut = false, nil
local function changes_shut()
  if asked then return shut end
  asked = true
  local why, closed = gate_shut(), closed_by()
  if why or #closed > 0 then shut = { why or 'SHUT', unpack(closed) } end
  return shut
end

-- How a repeated request is answered. What is kept of a request is "<job id> <fingerprint>".
local function repeated(seen, fingerprint)
  local earlier, before = string.match(seen, '^(%S+) (.*)$')
  return { before == fingerprint and 'REPLAYED' or 'REUSED', earlier }
end

-- Adds a request to a live job. Retention forgets the request ids of a job by the names that it keeps.
local function join(id, request, fingerprint)
  call('SET', key('request', request), id .. ' ' .. fingerprint)
  local others = call('HGET', key('job', id), 'request')
  call('HSET', key('job', id), 'request', (others and others .. ' ' or '') .. request)
end

-- What a job replaces is cancelled when it has not started; what runs goes on, and the new one waits behind it.
local function replace(old, id)
  local facts = call('HMGET', key('job', old), 'st', 'ep', 'cls', 'att')
  if facts[1] ~= 'DELAYED' and facts[1] ~= 'QUEUED' then return end
  withdraw(old, facts[2], line_of(facts[3]))
  close_waiting(old, facts[1], 'CANCELLED')
  event(old, facts[4], '"k":"log","lv":"info","m":' .. cjson.encode('replaced by job ' .. id))
  announce(old, event(old, facts[4], state_body('CANCELLED')))
  place(facts[2])
end

-- What stands in the way of a job that could start now: the policy or limit that closes, and until when it does; the line
-- that is open; whether that is open to it, and whether it passes a lock.
local function ways(device, endpoint, line, id, queue, definition)
  local full, ends = frozen(endpoint, line)
  full = full or ((queue or limited) and full_limit(id, names_of(cjson.decode(definition))))
  local from = source(endpoint, line, device)
  local passes = device.locker and device.locker == cjson.decode(definition).by
  return full, ends, from, passes or from == key(line, endpoint), passes
end

local NOTHING_MORE = {}

local function accept(before, id, endpoint, class, worth, timeout, definition, spec, token, second, third, request_name,
  fingerprint, options)
  options = options or NOTHING_MORE
  local job, line = jobs .. id, line_of(class)
  local request = request_name and key('request', request_name)

  local device = gates(endpoint)
  local refused = line == 'changes' and changes_shut()
  if request and (refused or full_store or device.closed or options.rof or options.dedupe) then
    local seen = call('GET', request)
    if seen then return repeated(seen, fingerprint) end
  end
  if refused then return refused end
  if full_store then return { 'FULL' } end
  if device.closed then return { 'CLOSED' } end
  if options.rof then
    local old = call('HMGET', key('job', options.rof), 'st', 'rsl')
    if not FINAL[old[1]] or (old[1] == 'INDETERMINATE' and not old[2]) then
      return { 'NOT_RETRYABLE', old[1] or '' }
    end
  end
  local twin = options.dedupe and call('GET', key('dedupe', options.dedupe))
  if twin and options.policy == 'REJECT' then return { 'DUPLICATE', twin } end
  if twin and options.policy == 'JOIN' then
    if request then join(twin, request_name, fingerprint) end
    return { 'JOINED', twin }
  end
  if request then
    local fresh = call('SETNX', request, id .. ' ' .. fingerprint) == 1
    if not fresh then return repeated(call('GET', request), fingerprint) end
  end

  local start = options.start and tonumber(options.start) or now
  local later = start > now
  local state = later and 'DELAYED' or 'QUEUED'
  -- Jobs of one call are a microsecond apart: each takes longer than that, so the next call's come later still.
  local score = ms(moment + before - worth)
  local expires = ms((later and start or now) + timeout)

  local fields = { 'st', state, 'ct', now_text, 'sc', score, 'ex', expires, 'n', '1', 'ep', endpoint, 'cls', class,
    'def', definition, 'spec', spec }
  if request then add(fields, 'request', request_name) end
  if later then add(fields, 'sa', ms(start)) end
  if options.blocked then add(fields, 'blk', '1') end
  if options.retain then add(fields, 'retain', options.retain) end
  if options.run then
    add(fields, 'run', options.run)
    write('ZADD', key('ix:run', string.match(options.run, '^%S+')), '0', id)
    -- A run goes on, and a schedule fires, without anybody who asked for it since old data came back.
    if line == 'changes' and call('HEXISTS', key('gate'), 'restored') == 1 then
      hold_for(endpoint, 'restore')
      device = gates(endpoint)
    end
  end
  local why, what, metadata
  if options.blocked and not later then
    local full, ends, from, own = ways(device, endpoint, line, id, options.queue, definition)
    why, what, metadata = obstacle(device, endpoint, from, own, full, ends)
  end
  -- One that is not to wait, and would, takes nobody's place.
  if twin and not why then
    replace(twin, id)
    device = gates(endpoint)
  end
  if options.skill then
    add(fields, 'skill', options.skill)
    if not device.skill then
      device.skill = ''
      call('HSET', key('ep', endpoint), 'skill', '')
    end
  end
  if options.secret then
    call('SET', key('secret', id), options.secret)
    add(fields, 'sealed', '1')
  end
  if options.queue then
    add(fields, 'queue', options.queue)
    call('SADD', key('queues'), options.queue)
    call('ZADD', key('queue', options.queue), now_text, id)
    count_job(options.queue, 'in')
  end
  if options.dedupe then
    add(fields, 'dedupe', options.dedupe)
    if not why then call('SET', key('dedupe', options.dedupe), id) end
  end
  if options.rof then
    call('HSET', key('job', options.rof), 'rby', id)
  end
  call('HSET', job, unpack(fields))
  write('ZADD', key('ix:state', state), '0', id)
  if token then call('ZADD', token_index .. token, '0', id) end
  if second then call('ZADD', token_index .. second, '0', id) end
  if third then call('ZADD', token_index .. third, '0', id) end

  if later then
    call('ZADD', key('delayed'), ms(start), id)
    call('SADD', key('later', endpoint), id)
    write('ZADD', expire, expires, id)
    announce(id, '1')
    return { state, now_text, expires }
  end

  if why then
    refuse_to_wait(id, state, '0', why, what, metadata)
    return { 'FAILED', now_text, expires }
  end

  -- A job that a full limit or a policy blocks never gets into the way of a claim.
  local full, _, from, own, passes = ways(device, endpoint, line, id, options.queue, definition)
  if full then
    park(id, endpoint, full, score, expires)
  else
    call('ZADD', key(line, endpoint), score, id)
    write('ZADD', expire, expires, id)
    if passes then call('ZADD', key(line .. '-pass', endpoint), score, id) end
    -- A device that runs something is offered when that ends; one that is on offer already may have a new head.
    if from and own and not device.run then
      if device.skill then place(endpoint) else offer_gathered(endpoint, device, score) end
    end
  end
  announce(id, '1')
  return { state, now_text, expires }
end

return for_each_item(13, accept)
