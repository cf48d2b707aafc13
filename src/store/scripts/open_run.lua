-- Accepts a run whose targets were written before, or answers with the one of an earlier request. KEYS[1] is the
-- installation's root.
-- @include run
--
-- ARGV  2 id · 3 request (key; '' none) · 4 fingerprint of the request · 5 letters of the targets · 6 body, JSON · 7 spec
--       8 the run it does again ('' none) · 9 its schedule ('' none)
-- Gives {'OPENED', now} · {'REPLAYED', id} · {'REUSED', id} · {'NO_RUN'} · {'NOT_FINAL'}; whatever is not opened leaves
--       nothing behind
-- Cost  O(targets), some nanoseconds each

local id, request, codes = ARGV[2], ARGV[3], ARGV[5]
local run, targets = key('run', id), key('run-targets', id)

local function refuse(...)
  call('UNLINK', targets, key('run-secrets', id))
  return { ... }
end

if request ~= '' then
  local seen = call('GET', key('run-request', request))
  if seen then
    local earlier, print = string.match(seen, '^(%S+) (.*)$')
    return refuse(print == ARGV[4] and 'REPLAYED' or 'REUSED', earlier)
  end
end
if ARGV[8] ~= '' then
  local state = call('HGET', key('run', ARGV[8]), 'st')
  if not state then return refuse('NO_RUN') end
  if not FINAL_RUN[state] then return refuse('NOT_FINAL') end
end
if call('EXISTS', targets) == 0 then return { 'NO_RUN' } end

local fields = { 'st', 'RUNNING', 'ct', now_text, 'rev', '1', 'total', ms(#codes), 'body', ARGV[6], 'spec', ARGV[7] }
local _, rejected = string.gsub(codes, 'R', '')
for _, pair in ipairs({ { 'c:p', #codes - rejected }, { 'c:R', rejected } }) do
  fields[#fields + 1] = pair[1]
  fields[#fields + 1] = ms(pair[2])
end
if request ~= '' then
  call('SET', key('run-request', request), id .. ' ' .. ARGV[4])
  fields[#fields + 1] = 'request'
  fields[#fields + 1] = request
end
call('HSET', run, unpack(fields))
call('SET', key('run-codes', id), codes)
call('PERSIST', targets)
call('PERSIST', key('run-secrets', id))
call('ZADD', key('runs'), '0', id)
if ARGV[9] ~= '' then call('ZADD', key('runs-of', ARGV[9]), '0', id) end
if ARGV[8] ~= '' then call('HSET', key('run', ARGV[8]), 'rby', id) end
call('SADD', key('runs-active'), id)
return { 'OPENED', now_text }
