#!lua flags=allow-oom
-- Ends attempts, each for itself: the job becomes final, waits for another attempt, or goes back into its line.
-- @include gather, items, gate, move, hold, lines, place, freezes, limits, rates, close_job, memory, output, held
--
-- ARGV  for each attempt: worker · endpoint · job · fence · verdict · last step that may have been sent · last step whose
--       answer was seen · '1' when the worker keeps the device · error (JSON) · effect · result (encoded) · how many parts
--       of its output were written · and by name, if any, what it has of:
--       pause (milliseconds before the next attempt, for RETRY) · output (bytes not yet written) · facts (not yet written,
--       each as the inside of a JSON object) · transcript · shown (failure to show on the device, as the inside of a JSON
--       object)
--       breaker (that keeps it from connecting: a RETRY that counts for nothing, and does not wait longer for it)
--       deferred ('1': the job puts itself off, a RETRY that counts for nothing but that)
-- Gives for each OK · FENCED · SHUT (the zone is being reconciled: it may hold its device again) · {'ERROR', why}
-- Cost  O(attempts · log n + facts + bytes)
--
-- Where a Redis with another history forgot some of the output, work that may be repeated goes round again instead of ending
-- well; of other work the output is cut there. Output is also cut when memory runs short.
--
-- A job that was asked to stop neither goes round again nor expires: RETRY, REQUEUE and EXPIRED become CANCELLED when it
-- has sent nothing behind its point of no return, and FAILED when it has.

local jobs, endpoints = root .. ':job:', root .. ':ep:'
-- What an end has to know of a job: first what closing it takes.
local ASKED = { unpack(CLOSING) }
for _, name in ipairs({ 'st', 'att', 'n', 'part', 'cut', 'cls' }) do ASKED[#ASKED + 1] = name end
local ST, ATT, N = #CLOSING + 1, #CLOSING + 2, #CLOSING + 3
local PART, WAS_CUT, CLS = #CLOSING + 4, #CLOSING + 5, #CLOSING + 6

local FORGOTTEN = '{"reason":"WORKER_LOST","message":"Redis came back without some of the output."}'

local NOTHING_MORE = {}

local function finish(_, worker, endpoint, id, fence, verdict, intended, confirmed, keeps, failure, effect, result, parts,
  options)
  options = options or NOTHING_MORE
  local device = held(worker, endpoint, id, fence)
  if not device then return refused() end

  local job, device_key = jobs .. id, endpoints .. endpoint
  local facts = call('HMGET', job, unpack(ASKED))
  local from, attempt, number = facts[ST], facts[ATT], tonumber(facts[N])
  local stopped = from == 'CANCELLING'
  local cut = facts[WAS_CUT] or (tonumber(facts[PART] or 0) < tonumber(parts or 0) and 'forgotten')
    or (options.output and is_short(MEMORY_FOR_OUTPUT) and 'memory')
  if cut == 'forgotten' and verdict == 'SUCCEEDED' and facts[CLS] ~= 'AT_MOST_ONCE' then
    verdict, failure, effect = 'REQUEUE', FORGOTTEN, nil
  end
  if stopped and (verdict == 'RETRY' or verdict == 'REQUEUE' or verdict == 'EXPIRED') then
    local sent = tonumber(intended) > 0 and (facts[CLS] == 'IDEMPOTENT' or call('HGET', job, 'it'))
    verdict, effect = sent and 'FAILED' or 'CANCELLED', sent and 'PARTIAL' or 'NONE'
  end
  if verdict == 'CANCELLED' then effect = 'NONE' end
  local final = FINAL[verdict]

  local fields, events = { 'is', intended, 'cs', confirmed }, {}
  if cut and not facts[WAS_CUT] then
    number = number + 1
    events[1] = event_json(number, attempt, CUT[cut])
  end
  for _, fact in ipairs(options.facts or {}) do
    if not cut or not is_output(fact) then
      number = number + 1
      events[#events + 1] = event_json(number, attempt, fact)
    end
  end
  local state, body, place_of, expires, due = verdict, '', nil, nil, nil
  if final then
    add(fields, 'e', now_text)
    if failure then add(fields, 'err', failure) end
    if effect then add(fields, 'eff', effect) end
    if result and facts[4] ~= 'NONE' then add(fields, 'res', result) end
  else
    place_of = call('HMGET', job, 'sc', 'ex')
    expires = options.breaker and place_of[2] or expiry(id, facts[CLS], place_of[2])
    -- What cannot start for a while waits its whole queue timeout behind that; a change still does not run late.
    if options.pause and not options.breaker and facts[CLS] ~= 'AT_MOST_ONCE' then expires = ms(expires + options.pause) end
    add(fields, 'ex', expires)
    add(fields, 'z' .. attempt, '{"e":' .. now_text .. (failure and ',"x":' .. failure or '') .. '}')
    if verdict == 'RETRY' then
      due = ms(now + options.pause)
      state, body = 'DELAYED', ',"r":' .. due
      add(fields, 'rt', due)
      if options.breaker then add(fields, 'bk', options.breaker) end
    else
      state = 'QUEUED'
      add(fields, 'qt', now_text)
    end
  end
  number = number + 1
  -- A job's own fields say how it ended; a doubt has events behind its end.
  if not final or verdict == 'INDETERMINATE' then
    events[#events + 1] = event_json(number, attempt, state_body(state) .. body .. (failure and ',"x":' .. failure or ''))
  end
  if #events > 0 then record(id, events, number) end
  local number_text = ms(number)

  if cut then
    add(fields, 'cut', cut)
  elseif options.output then
    facts[3] = ms(call('APPEND', key('output', id), options.output))
    add(fields, 'ob', facts[3])
  end
  add(fields, 'st', state)
  add(fields, 'n', number_text)
  call('HSET', job, unpack(fields))
  if stopped then call('SREM', key('cancels', worker), id) end
  if options.transcript then call('SET', key('transcript', id), options.transcript) end
  call('HDEL', device_key, 'run')
  if options.shown then call('HSET', device_key, 'lf', '{' .. options.shown .. ',"timeMs":' .. now_text .. '}') end

  if final then
    if verdict == 'INDETERMINATE' then hold(endpoint, id) end
    close_job(id, from, verdict, facts)
  else
    move(id, from, state)
    if facts[5] then give_back(id, names_of(definition_of(id))) end
    if options.breaker or options.deferred then call('HINCRBY', job, 'ref', 1) end
    if options.deferred then call('HINCRBY', job, 'dfr', 1) end
    if verdict == 'RETRY' then
      call('ZADD', key('delayed'), due, id)
      call('SADD', key('later', endpoint), id)
      write('ZADD', key('expire'), expires, id)
    else
      call('HINCRBY', job, 'ref', 1)
      enter_line(id, endpoint, line_of(facts[CLS]), place_of[1], expires)
      device.hold = call('HGET', device_key, 'hold')
    end
  end
  announce(id, number_text)

  -- While it ran, the device was on no list of devices to offer; it is now, if it has something to start.
  device.run = false
  if keeps ~= '1' then
    let_go(endpoint, worker)
    device.owner = false
  end
  if verdict == 'INDETERMINATE' then device.hold = id end
  if device.skill then
    place(endpoint)
  else
    local score = head(endpoint, device)
    if score then offer_gathered(endpoint, device, score) end
  end
  return 'OK'
end

return for_each_item(13, finish)
