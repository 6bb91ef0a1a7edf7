--- Delete the entries of a work queue that every remaining group has finished, after a group was dropped.
--
-- Invariant: an entry is deleted only if every declared group and every other group of the stream has finished it. A call reads 16
-- entries, or some 256 KiB. If a process dies, the next sweep deletes the rest.
-- @batch 1
-- @full runs         it deletes entries
-- @include earlier
-- @include stream/groups
-- @include ids
-- @include stream/acknowledge
-- @include typed
-- @shared declared groups of the work queue, separated by spaces
-- @item key stream stream
-- @item arg first  id to begin with, with a leading ( to exclude it; - at first
-- @returns string|null where to continue; null when no further entry can be finished

local STEP = 16

local function item(stream, first)
  local wrong = typed(stream, 'stream')
  if wrong then
    return wrong
  end
  local found, all = ids(stream, first, '+', STEP)
  if not found[1] then
    return nil
  end
  local missing = {}
  for name in string.gmatch(declared, '%S+') do
    missing[name] = true
  end
  for _, group in ipairs(groups(stream)) do
    missing[group.name] = nil
    if earlier(group['last-delivered-id'], found[1]) then
      return nil
    end
  end
  if next(missing) then
    return nil
  end
  acknowledge(stream, '', declared, found)
  return not all and '(' .. found[#found] or nil
end
