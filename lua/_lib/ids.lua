-- `ids(stream, first, last, most)`: the ids of at most `most` entries of a range, ascending; and whether the range has no
-- more. Redis cannot read an id without its entry, so it stops after 256 KiB of entries. It reads four entries first, then
-- 16 at a time, because an entry has up to 1 MiB.
local function ids(stream, first, last, most)
  local found, bytes = {}, 0
  for step = 1, most do
    local count = math.min(step == 1 and 4 or 16, most - #found)
    if count <= 0 or bytes >= 262144 then
      return found, false
    end
    local page = redis.call('XRANGE', stream, first, last, 'COUNT', count)
    for _, entry in ipairs(page) do
      found[#found + 1] = entry[1]
      for _, text in ipairs(entry[2]) do
        bytes = bytes + #text
      end
    end
    if #page < count then
      return found, true
    end
    first = '(' .. page[count][1]
  end
  return found, false
end
