#!lua flags=allow-oom
-- Lets others run by the permits that a running job holds for its caller and its labels. A task that waits for jobs of its own
-- holds nothing that they could have to wait for; the permit of its queue stays, since they are in none.
-- @include gate, hold, lines, place, freezes, limits, held
--
-- ARGV  2 worker · 3 endpoint · 4 job · 5 fence
-- Gives OK · FENCED · SHUT (the zone is being reconciled: it may hold its device again)
-- Cost  O(names · log n)

local id = ARGV[4]
if not held(ARGV[2], ARGV[3], id, ARGV[5]) then return refused() end
if call('HEXISTS', key('job', id), 'permits') == 0 then return 'OK' end
for _, name in ipairs(names_of(definition_of(id))) do
  local lent = string.sub(name, 1, 6) ~= 'queue/' and call('SREM', key('permits', name), id) == 1
  if lent and call('SISMEMBER', key('crowds'), name) == 1 then admit(name) end
end
return 'OK'
