#!lua flags=allow-oom
-- Changes a run that is still at the revision that somebody decided on. KEYS[1] is the installation's root.
-- @include run
--
-- ARGV  2 id · 3 revision · and, name and value in turn, what changes of: st · why · by · batch · wait (milliseconds until
--       the next batch) · forgiven · int · rest ('1': every target that is pending stays untouched) · start (letters
--       follow: "<index> <stamp>", as often as there are some)
-- Gives OK · STALE (it is at another revision, or gone)
-- Cost  O(targets that start), and with `rest` some nanoseconds for each target

local id = ARGV[2]
local run, codes_key = key('run', id), key('run-codes', id)
local facts = call('HMGET', run, 'rev', 'st', 'c:p')
if facts[1] ~= ARGV[3] or FINAL_RUN[facts[2]] then return 'STALE' end

local fields, started, told = {}, 0, false
for i = 4, #ARGV, 2 do
  local name, value = ARGV[i], ARGV[i + 1]
  if name == 'start' then
    local index, stamp = string.match(value, '^(%d+) (%S+)$')
    if call('GETRANGE', codes_key, index, index) == 'p' then
      call('SETRANGE', codes_key, index, 's')
      call('SETRANGE', key('run-stamps', id), ms(index * STAMP), stamp)
      started = started + 1
    end
  elseif name == 'rest' then
    local codes, left = string.gsub(call('GET', codes_key), 'p', 'U')
    call('SET', codes_key, codes)
    add_counts(run, { p = -left, U = left })
  elseif name == 'wait' and value == '0' then
    -- The batch begins at once.
    call('HDEL', run, 'next')
  else
    told = true
    if name == 'wait' then
      name, value = 'next', ms(now + tonumber(value))
    elseif name == 'st' and FINAL_RUN[value] then
      fields[#fields + 1] = 'e'
      fields[#fields + 1] = now_text
      call('SREM', key('runs-active'), id)
      call('ZADD', key(value == 'SUCCEEDED' and 'runs-done:good' or 'runs-done:bad'), now_text, id)
      call('UNLINK', key('run-secrets', id))
      note_event('run.' .. string.lower(value), id)
    end
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
if started > 0 then
  add_counts(run, { p = -started, s = started })
  -- The batch has begun: there is no time any more when it will.
  call('HDEL', run, 'next')
end
if #fields > 0 then call('HSET', run, unpack(fields)) end
if told then note(id, 'c ' .. now_text) end
turn(id)
return 'OK'
