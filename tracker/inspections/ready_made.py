"""Checklists that come with the product; also the living example for plug-ins.

Codes never change: repeated findings are recognised by them across versions and years. The texts
are data in the officials' language, as a coordinator would type them.
"""

from __future__ import annotations

from tracker.plugins.descriptors import ChecklistItemSpec, ChecklistTemplate

_POSTING = "Niêm yết, công khai"
_DISCIPLINE = "Kỷ luật, giao tiếp"
_DOSSIERS = "Tiếp nhận và giải quyết hồ sơ"
_EQUIPMENT = "Trang thiết bị, số hóa"
_STEERING = "Chỉ đạo, khắc phục"


def _item(
    code: str, section: str, text: str, severity: str = "minor", *, required: bool = True
) -> ChecklistItemSpec:
    return ChecklistItemSpec(
        code=code, section=section, text=text, severity=severity, required=required
    )


ONE_STOP = ChecklistTemplate(
    key="mot_cua",
    title="Bộ phận Một cửa",
    items=(
        _item("niem_yet_du", _POSTING, "Niêm yết đủ thủ tục hành chính, còn hiệu lực", "major"),
        _item(
            "niem_yet_hinh_thuc",
            _POSTING,
            "Niêm yết đủ các hình thức: bản giấy, mã QR, máy tra cứu, cổng thông tin",
        ),
        _item("phi_le_phi", _POSTING, "Niêm yết phí, lệ phí", "major"),
        _item("phan_anh", _POSTING, "Công khai số điện thoại, địa chỉ nhận phản ánh, kiến nghị"),
        _item("lich_tiep_dan", _POSTING, "Lịch tiếp công dân được công khai và còn đúng"),
        _item("gio_giac", _DISCIPLINE, "Đúng giờ làm việc, có người trực tại quầy", "major"),
        _item("bien_ten", _DISCIPLINE, "Có biển tên bàn, đeo thẻ, trang phục đúng quy định"),
        _item("ung_xu", _DISCIPLINE, "Thái độ đúng mực, thực hiện quy tắc ứng xử"),
        _item("thay_ca", _DISCIPLINE, "Bố trí đủ người, có người thay ca, ủy quyền ký khi vắng"),
        _item(
            "ngoai_he_thong",
            _DOSSIERS,
            "Không nhận hồ sơ ngoài hệ thống thông tin giải quyết thủ tục hành chính",
            "critical",
        ),
        _item("phieu_hen", _DOSSIERS, "Mọi hồ sơ có phiếu tiếp nhận và hẹn trả kết quả", "major"),
        _item("xin_loi", _DOSSIERS, "Hồ sơ trễ hạn có thư xin lỗi và hẹn lại", "major"),
        _item(
            "khop_ho_so",
            _DOSSIERS,
            "Sổ, phần mềm khớp với hồ sơ giấy (kiểm tra ngẫu nhiên 5 đến 10 mã hồ sơ)",
            "major",
        ),
        _item(
            "bo_sung",
            _DOSSIERS,
            "Hồ sơ trả lại, bổ sung có văn bản nêu rõ lý do, chỉ yêu cầu một lần",
            "major",
        ),
        _item("camera", _EQUIPMENT, "Camera hoạt động, lưu hình đủ số ngày quy định"),
        _item("thiet_bi", _EQUIPMENT, "Máy lấy số, màn hình, máy tính, máy quét hoạt động"),
        _item("so_hoa", _EQUIPMENT, "Số hóa hồ sơ khi tiếp nhận", "major"),
        _item("thanh_toan", _EQUIPMENT, "Có và hướng dẫn thanh toán trực tuyến"),
        _item("khao_sat", _EQUIPMENT, "Có mã QR khảo sát mức độ hài lòng, người dân dùng được"),
        _item("ke_hoach", _STEERING, "Có kế hoạch cải cách hành chính của đơn vị, còn hiệu lực"),
        _item("bao_cao", _STEERING, "Báo cáo đúng hạn, có minh chứng"),
        _item(
            "khac_phuc",
            _STEERING,
            "Đã khắc phục các nội dung nêu trong thông báo kết luận kiểm tra lần trước",
            "major",
            required=False,
        ),
    ),
)

WORKING_HOURS = ChecklistTemplate(
    key="gio_giac",
    title="Kỷ luật, kỷ cương hành chính",
    items=(
        _item("gio_giac", "Giờ giấc", "Có mặt đúng giờ làm việc", "major"),
        _item("vang_bao_cao", "Giờ giấc", "Người vắng mặt có báo cáo, có lý do"),
        _item("viec_rieng", "Giờ giấc", "Không làm việc riêng trong giờ làm việc", "major"),
        _item("bien_ten", "Tác phong", "Có biển tên bàn, đeo thẻ, trang phục đúng quy định"),
        _item("ung_xu", "Tác phong", "Thái độ đúng mực, thực hiện quy tắc ứng xử"),
        _item("tru_so", "Tác phong", "Phòng làm việc mở cửa, có người tiếp công dân"),
    ),
)

TEMPLATES = (ONE_STOP, WORKING_HOURS)
