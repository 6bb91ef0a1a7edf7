--- Store ids as seen; say which are new.
--
-- Invariant: of all calls with an id within the window one learns that it is new, while the set is below its bound. Above it the oldest
-- ids are forgotten first. A process that dies after the call has stored ids that it will not handle: claim an id together with its
-- effect (one script), or run what must not be lost with `once`.
-- @batch 128
-- @together
-- @full refused      it adds ids
-- @include guard/seeing
-- @shared keys keys  sorted set: id by the millisecond at which it was seen
-- @shared window     milliseconds
-- @shared most       ids
-- @item arg ids      a line for each id
-- @returns string|integer one id: 1 for a new one, else 0; several: "1" or "0" for each

local of = seeing.open(keys[1], window, most)

local function together(values)
  local ids, counts = {}, {}
  for at, lines in ipairs(values) do
    if string.find(lines, '\n', 1, true) then
      local before = #ids
      for id in string.gmatch(lines, '[^\n]+') do
        ids[#ids + 1] = id
      end
      counts[at] = #ids - before
    else
      ids[#ids + 1] = lines
    end
  end
  local answers = seeing.see(of, ids)
  if answers.err then
    return nil
  end
  local replies, next_id = {}, 1
  for at = 1, #values do
    local count = counts[at]
    if not count then
      replies[at] = answers[next_id] and 1 or 0
      next_id = next_id + 1
    else
      local all = {}
      for nth = 1, count do
        all[nth] = answers[next_id] and '1' or '0'
        next_id = next_id + 1
      end
      replies[at] = table.concat(all)
    end
  end
  return replies
end

local function item(ids)
  local replies = together({ ids })
  return replies and replies[1] or seeing.prepare(of, ids)
end
